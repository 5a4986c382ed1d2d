import { clockTime, duration } from "./quantity.js";

/** The wall clock of the server in words, from the state `system/clock`: "Synchronised, 300 µs off". Pure. */
export function wallClockInWords({ synchronised, offset, last_step: step }) {
  const known = synchronised === null ? "Taken for right" : synchronised ? "Synchronised" : "Not synchronised";
  const off = offset ? `, ${duration(Math.abs(offset))} off` : "";
  const set = step ? `; set ${duration(Math.abs(step.by))} ${step.by > 0 ? "forward" : "back"} at ${clockTime(step.at)}` : "";
  return known + off + set;
}
