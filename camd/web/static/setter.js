/**
 * Sends the values of one control while a finger drags it: at most one set under way, after it the
 * newest value only, and never faster than every `interval` milliseconds. Nothing queues up, so the
 * last position always wins. Pure but for `clock`.
 *
 * send(value): a Promise, settled when the server answered. onsettled(error or null) is called when
 * the last value is answered and nothing is left to send.
 */
export class Setter {
  constructor(send, { interval = 33, clock = globalThis } = {}) {
    this.send = send;
    this.interval = interval;
    this.clock = clock;
    this.onsettled = () => {};
    this.running = false;
    this.sending = false;
    this.waiting = null; // {value}: an object, because every value may be falsy
  }

  /** Nothing under way and nothing waiting. */
  get idle() {
    return !this.sending && this.waiting === null;
  }

  set(value) {
    this.waiting = { value };
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    while (this.waiting) {
      const { value } = this.waiting;
      this.waiting = null;
      const pause = new Promise((resolve) => this.clock.setTimeout(resolve, this.interval));
      this.sending = true;
      const error = await this.send(value).then(() => null, (reason) => reason);
      this.sending = false;
      if (!this.waiting) this.onsettled(error);
      await pause;
    }
    this.running = false;
  }
}
