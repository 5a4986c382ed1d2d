/** Values with their units, as people read them. Pure. */
const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** Any value of the state as text; entry: its schema. Without a value, an en dash. */
export function textOf(value, { unit = "", type = "" } = {}) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "object") return listOf(value, unit);
  if (typeof value === "string") return value;
  if (/^(B|bytes)(\/s)?$/.test(unit)) return bytes(value) + (unit.endsWith("/s") ? "/s" : "");
  if (unit === "s") return duration(value);
  const number = type === "int" ? String(value) : rounded(value);
  return unit ? `${number} ${unit}` : number;
}

/** Seconds, in the two largest units that matter: "850 µs", "12.5 s", "2 h 07 min", "3 d 4 h". */
export function duration(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${rounded(seconds * 1000)} ms`;
  if (seconds < 60) return `${rounded(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(Math.floor(seconds % 60))} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(count) {
  let step = 0;
  while (count >= 999.5 && step < SIZES.length - 1) {
    count /= 1000;
    step += 1;
  }
  return `${step ? count.toPrecision(3) : Math.round(count)} ${SIZES[step]}`;
}

/** Local time of day of UTC seconds; with the date unless that is today's. */
export function clockTime(seconds, now = new Date()) {
  const moment = new Date(seconds * 1000);
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return moment.toDateString() === now.toDateString() ? time : `${moment.toLocaleDateString()} ${time}`;
}

/** A number without noise: one decimal below 100, none above. */
export function rounded(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(1);
}

function two(number) {
  return String(number).padStart(2, "0");
}

function listOf(value, unit) {
  const text = (item) => textOf(item, { unit });
  if (Array.isArray(value)) return value.map(text).join(", ") || "–";
  const nested = Object.values(value).some((item) => typeof item === "object" && item !== null);
  const parts = Object.entries(value).map(([key, item]) => (nested ? `${key}: ${text(item)}` : `${key} ${text(item)}`));
  return parts.join(nested ? "\n" : ", ") || "–";
}
