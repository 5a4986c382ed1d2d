/**
 * How long to wait between attempts: doubling from `first` to `most` milliseconds, each spread by a
 * quarter either way so that fifty pages do not return in the same instant. Pure.
 */
export class Backoff {
  constructor({ first = 500, most = 10_000, random = Math.random } = {}) {
    this.first = first;
    this.most = most;
    this.random = random;
    this.reset();
  }

  /** The next waiting time, milliseconds. */
  next() {
    const delay = this.delay;
    this.delay = Math.min(delay * 2, this.most);
    return Math.round(delay * (0.75 + this.random() / 2));
  }

  /** Forget the failures: call it when an attempt succeeded. */
  reset() {
    this.delay = this.first;
  }
}
