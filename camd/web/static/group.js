/**
 * Which controls stand together: by what they touch, told from the bare name. Pure.
 *
 * The order of the list is the order on the page, and the first pattern that fits decides:
 * "white_balance_temperature" is no picture control although "balance" sounds like one.
 */
const GROUPS = [
  ["Picture", /^(brightness|contrast|saturation|sharpness|hue|gamma|chroma|colou?r_effect|.*(denoise|noise_reduction)|.*_flip|.*mirror.*|rotat.*)/],
  ["Exposure", /exposure|shutter|iris|^iso|gain|backlight|power_line|flicker|dynamic_range|^scene/],
  ["White balance", /white_balance|(red|blue|green)_balance|colou?r_temperature|^awb/],
  ["Focus & zoom", /focus|zoom|^(pan|tilt)\b|^(pan|tilt)_/],
  ["Stream", /^(size|fps|format|source|enabled)$|jpeg|quality|bitrate|gop|key_?frame|codec|compression|encod/],
];
const REST = "Other";

export function groupOf(bareName) {
  return GROUPS.find(([, pattern]) => pattern.test(bareName))?.[0] ?? REST;
}

/** [[group, names]]: names, as given in the schema's order, sorted into groups; empty ones left out. */
export function grouped(names, bareOf) {
  const groups = new Map([...GROUPS.map(([group]) => [group, []]), [REST, []]]);
  for (const name of names) groups.get(groupOf(bareOf(name))).push(name);
  return [...groups].filter(([, members]) => members.length);
}
