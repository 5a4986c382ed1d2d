/**
 * Which controls of a camera stand together: by what they touch, told from the rest of their names. Pure.
 *
 * The order of the list is the order on the page, and the first pattern that fits decides:
 * "white_balance_temperature" is no picture control although "balance" sounds like one.
 */
const GROUPS = [
  ["Profile", /^profile$/],
  ["Picture", /^(brightness|contrast|saturation|sharpness|hue|gamma|noise_suppression|chroma|colou?r_effect|rotate|flip|crop$|[^/]*(denoise|noise_reduction)|[^/]*_flip|[^/]*mirror|rotat)/],
  ["Exposure", /^[^/]*(exposure|shutter|iris|^iso|(?<!red_|blue_)gain|backlight|power_line|flicker|dynamic_range|^scene)/],
  ["White balance", /^[^/]*(white_balance|(red|blue|green)_(balance|gain)|colou?r_temperature|^awb)/],
  ["Lens", /^(ptz\/|[^/]*(focus|zoom)|(pan|tilt)(\b|_))/],
  ["Privacy", /^masks$/],
  ["Overlay", /^overlay\//],
  ["Motion", /^motion\//],
  ["Recording", /^recording\//],
  ["Stream", /^((size|fps|format|source|enabled)$|[^/]*(jpeg|quality|bitrate|gop|key_?frame|codec|compression|encod))/],
  ["Main rendition", /^main\//],
  ["Small rendition", /^sub\//],
];
const REST = "Other";

/** What follows the camera in a name: "overlay/text" of "cameras/cam1/overlay/text". */
export function restOf(name) {
  return name.replace(/^cameras\/[^/]+\//, "");
}

export function groupOf(rest) {
  return GROUPS.find(([, pattern]) => pattern.test(rest))?.[0] ?? REST;
}

/** [[group, names]]: names, as given in the schema's order, sorted into groups; empty ones left out. */
export function grouped(names) {
  const groups = new Map([...GROUPS.map(([group]) => [group, []]), [REST, []]]);
  for (const name of names) groups.get(groupOf(restOf(name))).push(name);
  return [...groups].filter(([, members]) => members.length);
}
