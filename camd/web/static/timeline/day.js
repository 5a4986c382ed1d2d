/** Days as people have them: local, and 23 or 25 hours long where clocks are changed. Pure; times are Unix milliseconds. */
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const STEPS = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE).concat([1, 2, 3, 6].map((hours) => hours * HOUR));

/** The day that a moment lies in: {start, end, key}, key being "2026-11-24". */
export function dayOf(moment) {
  const date = new Date(moment);
  return dayAt(date.getFullYear(), date.getMonth(), date.getDate());
}

/** The day of "2026-11-24"; null for what is none. */
export function dayFrom(key) {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(key) ?? [];
  const found = year && dayAt(Number(year), Number(month) - 1, Number(day));
  return found && found.key === key ? found : null;
}

/** So many days later. */
export function later(day, days) {
  const date = new Date(day.start);
  return dayAt(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

/** Where an axis from `from` to `to` has its marks, `most` of them at most: [{at, text}]. */
export function marksOf({ from, to }, most) {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? STEPS.at(-1);
  const { start } = dayOf(from);
  const marks = [];
  for (let at = start + Math.ceil((from - start) / step) * step; at <= to; at += step) marks.push({ at, text: clockOf(at, false) });
  return marks;
}

/** The least length, of those that a clock has, that is not shorter than this. */
export function stepOf(length) {
  return [SECOND, 5 * SECOND, 15 * SECOND, ...STEPS].find((one) => one >= length) ?? STEPS.at(-1);
}

/** "14:05:30", local. */
export function clockOf(moment, seconds = true) {
  return new Date(moment).toLocaleTimeString([], {
    hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}), hourCycle: "h23",
  });
}

/** As a field of the type datetime-local has it: "2026-11-24T14:05:30". */
export function fieldOf(moment) {
  return `${dayOf(moment).key}T${[0, 1, 2].map((place) => clockOf(moment).split(":")[place]).join(":")}`;
}

function dayAt(year, month, day) {
  const start = new Date(year, month, day);
  const end = new Date(year, month, day + 1);
  const two = (number) => String(number).padStart(2, "0");
  const key = `${start.getFullYear()}-${two(start.getMonth() + 1)}-${two(start.getDate())}`;
  return { start: start.getTime(), end: end.getTime(), key };
}
