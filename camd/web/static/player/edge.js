/**
 * Where to play so as to stay at the live edge: a little faster or slower while that is enough, else a jump.
 * Times in seconds. Pure.
 */
/** The newest picture is said to last so long, for nobody knows when the next one comes: the buffer ends too late by it. */
export const HOLD = 1.0;
const NEAR = 0.03; // closer to the newest picture than this, it is not there yet when it is to be shown
const FAR = 0.08; // the age of the picture settles anywhere in between
const LOST = 0.6;
const RATE = 0.08;

/** time: what is being played; end: of the newest buffered range. {rate} or {seek}. */
export function chase(time, end) {
  const lag = end - HOLD - time;
  if (lag > LOST || lag < -HOLD / 2) return { seek: end - HOLD - NEAR };
  if (lag > FAR) return { rate: 1 + RATE };
  return { rate: lag < NEAR ? 1 - RATE : 1 };
}
