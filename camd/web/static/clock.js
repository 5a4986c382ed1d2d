const TRIES = 3;

/** The server's clock, as far as it can be told from here: what a picture's delay is measured with. */
export class Clock {
  constructor() {
    this.offset = null; // milliseconds that it is ahead of ours
  }

  /** Ask the server for the time; the quickest answer errs least. */
  async ask() {
    let best = Infinity;
    for (let left = TRIES; left > 0; left -= 1) {
      const before = performance.now();
      const answer = await fetch("health", { cache: "no-store" }).then((response) => response.json()).catch(() => null);
      const took = performance.now() - before;
      const server = Date.parse(answer?.timestamp);
      if (Number.isNaN(server) || took > best) continue;
      best = took;
      this.offset = server - (Date.now() - took / 2);
    }
  }

  /** Milliseconds since this moment of the server's (UTC seconds); null while its clock is not known. */
  since(wall) {
    return this.offset === null ? null : Date.now() + this.offset - wall * 1000;
  }
}
