/** Sizes that small pictures are asked for in: few, so that pages with other windows share what is made. Pure. */
const WIDTHS = [160, 240, 320, 480, 640, 960, 1280];

/** The smallest box, such as "320x240", for a picture that is `width` pixels of the screen wide. */
export function boxFor(width) {
  const enough = WIDTHS.find((one) => one >= width * 0.9) ?? WIDTHS.at(-1);
  return `${enough}x${(enough * 3) / 4}`;
}
