/** How many pictures were shown of late, and how long after they were taken. Pure. */
export class Tally {
  /** span: milliseconds that are looked back. */
  constructor(span = 2_000) {
    this.span = span;
    this.shown = []; // {at, delay}
  }

  /** A picture was shown `at` (milliseconds of any clock), `delay` milliseconds after it was taken, or null. */
  note(at, delay = null) {
    this.shown.push({ at, delay });
    this.trim(at);
  }

  /** {fps, delay}: pictures a second, and the median of the delays; null where nothing is known. */
  figures(now) {
    this.trim(now);
    const { shown } = this;
    if (shown.length < 2) return { fps: null, delay: null };
    const fps = ((shown.length - 1) * 1000) / (shown.at(-1).at - shown[0].at);
    const delays = shown.map(({ delay }) => delay).filter((delay) => delay !== null).sort((one, other) => one - other);
    return { fps, delay: delays.length ? delays[delays.length >> 1] : null };
  }

  clear() {
    this.shown = [];
  }

  trim(now) {
    const { shown, span } = this;
    let old = 0;
    while (old < shown.length && shown[old].at < now - span) old += 1;
    if (old) shown.splice(0, old);
  }
}
