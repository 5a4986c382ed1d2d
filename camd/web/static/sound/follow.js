/**
 * Where to play sound so as to stay close to the moment: as it comes, a little faster if too much waits, and if far too much
 * does, from another place. Unlike pictures, which may be at the very edge, sound needs some in hand, or it breaks up.
 * Times in seconds. Pure.
 */
/** So much in hand is tried first; each time that it was not enough there is one STEP more, up to MOST. */
export const LEAST = 0.16;
const STEP = 0.08;
const MOST = 0.64;
const LOST = 1.2;
const RATE = 0.05; // hardly to be heard

/** time: what is being heard; start, end: the newest buffered range; hand: what is to be in hand. {rate} or {seek}. */
export function follow(time, start, end, hand) {
  const lag = end - time;
  if (lag > LOST || time < start || lag < -LOST) return { seek: Math.max(start, end - hand) };
  return { rate: lag > hand ? 1 + RATE : 1 };
}

/** What is to be in hand after it broke up. */
export function more(hand) {
  return Math.min(hand + STEP, MOST);
}
