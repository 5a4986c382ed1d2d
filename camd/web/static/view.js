/**
 * Where the points of a scene are in the picture that is shown of it: a crop, and a window of that which pan, tilt and
 * zoom move. Points and sizes are shares of width and height, from the top left corner. Pure.
 */
const WHOLE = [0, 0, 1, 1];
const MOVED_BY_THE_DEVICE = ["pan_absolute", "tilt_absolute", "zoom_absolute"];

/** [x, y, width, height] of the scene that is shown. place: {pan, tilt, zoom}; of a device that moves itself none. */
export function windowOf(crop, { pan = 0, tilt = 0, zoom = 1 } = {}) {
  const [x, y, width, height] = crop ?? WHOLE;
  const [wide, high] = [width / zoom, height / zoom];
  return [x + ((width - wide) * (1 + pan)) / 2, y + ((height - high) * (1 - tilt)) / 2, wide, high];
}

export function toPicture([x, y], [left, top, width, height]) {
  return [(x - left) / width, (y - top) / height];
}

export function toScene([x, y], [left, top, width, height]) {
  return [left + x * width, top + y * height];
}

/** Whether pan, tilt and zoom of a camera move a window in its picture, and not the device. */
export function isDigital(camera, schema) {
  return !MOVED_BY_THE_DEVICE.some((control) => `cameras/${camera}/${control}` in schema);
}
