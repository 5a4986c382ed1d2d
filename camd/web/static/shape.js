/** Polygons as lists of points [x, y], 0 to 1: what drawing does to them. Pure; nothing is changed in place. */
export const LEAST_POINTS = 3;
export const MOST_POINTS = 32;
const SMALLEST = 1 / 16; // of a rectangle

/** A new area in the middle; several do not lie upon each other. */
export function fresh(count) {
  const shift = (count % 5) * 0.04;
  const [low, high] = [0.36 + shift, 0.56 + shift];
  return [[low, low], [high, low], [high, high], [low, high]];
}

export function within([x, y]) {
  return [x, y].map((one) => Math.round(Math.min(1, Math.max(0, one)) * 10_000) / 10_000);
}

export function moved(points, place, to) {
  return points.map((point, index) => (index === place ? within(to) : point));
}

/** All points by as much, but none beyond the edge. */
export function shifted(points, [right, down]) {
  const room = (axis, by) => {
    const values = points.map((point) => point[axis]);
    return Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), by));
  };
  const [x, y] = [room(0, right), room(1, down)];
  return points.map(([left, top]) => within([left + x, top + y]));
}

export function middle(points, place) {
  const [[x, y], [u, v]] = [points[place], points[(place + 1) % points.length]];
  return [(x + u) / 2, (y + v) / 2];
}

/** With another point between this one and the next. */
export function grown(points, place) {
  if (points.length >= MOST_POINTS) return points;
  return [...points.slice(0, place + 1), within(middle(points, place)), ...points.slice(place + 1)];
}

export function shrunk(points, place) {
  return points.length > LEAST_POINTS ? points.filter((_, index) => index !== place) : points;
}

/** [x, y, width, height] as a polygon, from the top left corner on. */
export function corners([x, y, width, height]) {
  return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
}

/** A rectangle again, after one corner of it was moved. */
export function stretched(points, place, to) {
  const [[left, top], , [right, bottom]] = points;
  const [x, y] = within(to);
  const isLeft = place === 0 || place === 3;
  const isTop = place < 2;
  const [west, east] = isLeft ? [Math.min(x, right - SMALLEST), right] : [left, Math.max(x, left + SMALLEST)];
  const [north, south] = isTop ? [Math.min(y, bottom - SMALLEST), bottom] : [top, Math.max(y, top + SMALLEST)];
  return corners([west, north, east - west, south - north]);
}
