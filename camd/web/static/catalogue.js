import { grouped } from "./group.js";
import { labelOf } from "./label.js";

/**
 * Which names of the state belong where on the page. Pure: it looks at names and schema only, so a
 * setting or a fact that a plugin adds has its place without a change here.
 */
const CAMERA = /^cameras\/([^/]+)\/(.+)$/;
/** Told by the caption under the picture, or for the page itself rather than for people. */
const CAPTIONED = new Set([
  "name", "state", "reason", "since", "online", "size", "format", "measured_fps", "clients", "drops", "inactive",
  "sound/status", "sound/reason",
]);
/** Settings with a place of their own on the page. */
const APART = new Set(["ptz/presets"]);
const SILENT = /^(system\/(schema|name)|files\/last|onvif\/devices|plugins\/[^/]+\/reason)$/;

/** Ids of the cameras, the main one first, the others in the order of the schema. */
export function camerasOf(names, main) {
  const ids = new Set(names.map((name) => CAMERA.exec(name)?.[1]).filter(Boolean));
  return [...ids].sort((one, other) => Number(other === main) - Number(one === main));
}

/** [[group, names]]: the settings of one camera. */
export function controlsOf(camera, schema) {
  const names = Object.keys(schema).filter((name) => {
    const [, id, rest] = CAMERA.exec(name) ?? [];
    return id === camera && schema[name].write && !APART.has(rest);
  });
  return grouped(names);
}

/** Names of the facts about one camera that the caption does not tell. */
export function factsOf(camera, schema) {
  return Object.keys(schema).filter((name) => {
    const [, id, rest] = CAMERA.exec(name) ?? [];
    return id === camera && !schema[name].write && !CAPTIONED.has(rest);
  });
}

/** [[group, names]]: settings of everything that is no camera, by the first part of their names. */
export function systemControlsOf(schema) {
  const groups = new Map();
  for (const name of Object.keys(schema)) {
    if (CAMERA.test(name) || !schema[name].write) continue;
    const group = labelOf(name.slice(0, name.indexOf("/")));
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return [...groups];
}

/** Names of facts about the system; the states of plugins apart, for they are lamps. */
export function systemFactsOf(schema) {
  const names = Object.keys(schema).filter((name) => !CAMERA.test(name) && !schema[name].write && !SILENT.test(name));
  const long = (name) => Number(schema[name].type === "json");
  names.sort((one, other) => long(one) - long(other));
  return { system: names.filter((name) => !isPlugin(name)), plugins: names.filter(isPlugin) };
}

function isPlugin(name) {
  return /^plugins\/[^/]+$/.test(name);
}
