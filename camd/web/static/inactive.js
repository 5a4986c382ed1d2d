import { groupOf, restOf } from "./group.js";
import { labelOf } from "./label.js";

/** Why a control has no effect now: an automatic beside it decides. "" if it has. Pure. */
export function inactivity(name, inactive, schema) {
  const rest = restOf(name);
  if (!Array.isArray(inactive) || !inactive.includes(rest)) return "";
  const camera = name.slice(0, name.length - rest.length);
  const beside = Object.keys(schema).filter((one) => one.startsWith(camera) && groupOf(restOf(one)) === groupOf(rest));
  const automatics = beside.filter((one) => /auto/.test(restOf(one)) && !inactive.includes(restOf(one)));
  const [first] = rest.split("_");
  const automatic = automatics.find((one) => restOf(one).includes(first)) ?? automatics[0];
  if (!automatic) return "It has no effect now: an automatic decides.";
  return `It has no effect now: “${labelOf(automatic, schema[automatic])}” decides.`;
}
