/** Times of the past and the future, as people say them. Pure; times are Unix milliseconds. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** "just now", "5 min ago", "in 3 days", "24 November 2026"; for no time, `never`. */
export function when(time, { never = "never", now = Date.now() } = {}) {
  if (time === null || time === undefined) return never;
  const distance = Math.abs(time - now);
  if (distance < MINUTE) return time > now ? "in a minute" : "just now";
  if (distance >= 31 * DAY) return dateOf(time);
  const text = distance < HOUR ? `${Math.floor(distance / MINUTE)} min`
    : distance < DAY ? `${Math.floor(distance / HOUR)} h`
      : counted(Math.floor(distance / DAY), "day");
  return time > now ? `in ${text}` : `${text} ago`;
}

export function dateOf(time) {
  return new Date(time).toLocaleDateString([], { day: "numeric", month: "long", year: "numeric" });
}

/** Date and time to the second, local. */
export function exactly(time) {
  return time == null ? "" : new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
