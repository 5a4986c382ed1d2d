/**
 * How each picture of the page is shown. A browser opens six connections to one server, for all of
 * its tabs; a stream holds one for good. So few stream and the others fetch single pictures; what
 * nobody can see fetches nothing. Pure.
 */
export const LIVE_PICTURES = 4;

/**
 * pictures: [{key, visible, large, doubled}] in the order of the page; hidden: the whole tab is.
 * Returns Map key -> "live" | "still" | "copy" | "off". The large picture comes first; a small one
 * that is also shown large (doubled) is copied from that, for it would be the same stream twice.
 */
export function modesOf(pictures, { hidden = false, live = LIVE_PICTURES } = {}) {
  const modes = new Map();
  const order = [...pictures].sort((one, other) => Number(other.large) - Number(one.large));
  for (const { key, visible, doubled } of order) {
    let mode = "off";
    if (visible && !hidden) {
      mode = doubled ? "copy" : live > 0 ? "live" : "still";
      if (mode === "live") live -= 1;
    }
    modes.set(key, mode);
  }
  return modes;
}
