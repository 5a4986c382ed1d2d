import { Backoff } from "./backoff.js";

const STILL_EVERY = 2_000; // between single pictures, milliseconds
const COPY_EVERY = 1_000;
const COPY_WIDTH = 320; // pixels
const LOOK_EVERY = 2_000; // between looks whether a stream still moves
const FROZEN_AFTER = 8_000; // a stream without any change for so long is fetched anew
const FROZEN_MOST = 120_000;
const NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

/**
 * One camera's picture in an <img>: a stream, single pictures, a copy of another <img>, or nothing,
 * and always again after an error. A broken multipart stream raises no event in most browsers: the last picture just stays. So
 * a small copy is compared now and then, and a stream that stands still is opened again, ever less
 * often, for the camera may really look at a wall.
 */
export class Picture {
  /** stream, snapshot: addresses without query; alt: text for those who do not see it. */
  constructor({ stream, snapshot, alt }) {
    this.stream = stream;
    this.snapshot = snapshot;
    this.element = document.createElement("img");
    this.element.alt = alt;
    this.element.decoding = "async";
    this.element.draggable = false;
    this.mode = "off";
    this.loaded = false; // a picture of the present mode is to be seen
    this.element.classList.add("vacant");
    this.onchange = () => {}; // loaded changed
    this.backoff = new Backoff();
    this.serial = 0;
    this.timer = null;
    this.look = null;
    this.element.addEventListener("load", () => this.arrived());
    this.element.addEventListener("error", () => this.failed());
  }

  /** mode: "live", "still", "off", or "copy" of `original`, another Picture. */
  show(mode, original = null) {
    if (mode === this.mode && (mode !== "copy" || original === this.original)) return;
    this.mode = mode;
    this.original = original;
    this.restart();
  }

  /** Fetch anew: after the connection was lost, or when the stream stands still. */
  restart() {
    clearTimeout(this.timer);
    clearInterval(this.look);
    if (this.mode === "off") {
      this.element.src = NOTHING; // an <img> gives its connection back only for another source
      this.mark(false);
      return;
    }
    if (this.mode === "copy") {
      this.look = setInterval(() => this.copy(), COPY_EVERY);
      this.copy();
      return;
    }
    this.patience = FROZEN_AFTER;
    this.watch();
    this.fetch();
  }

  /** For good: the camera is gone or another one is shown. */
  close() {
    this.show("off");
    this.element.remove();
  }

  fetch() {
    const address = this.mode === "live" ? this.stream : this.snapshot;
    this.serial += 1;
    this.element.src = `${address}?n=${Date.now().toString(36)}${this.serial}`;
  }

  copy() {
    const { element, loaded } = this.original;
    if (!loaded || !element.naturalWidth) return;
    const canvas = document.createElement("canvas");
    canvas.width = COPY_WIDTH;
    canvas.height = Math.round((COPY_WIDTH * element.naturalHeight) / element.naturalWidth);
    canvas.getContext("2d").drawImage(element, 0, 0, canvas.width, canvas.height);
    this.element.src = canvas.toDataURL("image/jpeg", 0.8);
  }

  arrived() {
    if (this.mode === "off") return;
    this.backoff.reset();
    this.mark(true);
    if (this.mode === "still") this.fetchAfter(STILL_EVERY);
  }

  failed() {
    if (this.mode === "off" || this.mode === "copy") return;
    this.mark(false);
    this.fetchAfter(this.backoff.next());
  }

  /** Browsers draw a torn page for a picture that failed; ours is just not there. */
  mark(loaded) {
    if (loaded === this.loaded) return;
    this.loaded = loaded;
    this.element.classList.toggle("vacant", !loaded);
    this.onchange();
  }

  fetchAfter(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), delay);
  }

  watch() {
    if (this.mode !== "live") return;
    let last = null;
    let moved = performance.now();
    this.look = setInterval(() => {
      const now = performance.now();
      const print = this.print();
      if (print !== last) {
        last = print;
        moved = now;
      } else if (now - moved > this.patience) {
        this.patience = Math.min(this.patience * 2, FROZEN_MOST);
        moved = now;
        this.fetch();
      }
    }, LOOK_EVERY);
  }

  /** A few hundred pixels of the picture as text, "" while there is none. */
  print() {
    const { element } = this;
    if (!this.loaded || !element.naturalWidth) return "";
    this.canvas ??= new OffscreenCanvas(32, 18).getContext("2d", { willReadFrequently: true });
    this.canvas.drawImage(element, 0, 0, 32, 18);
    return this.canvas.getImageData(0, 0, 32, 18).data.join();
  }
}
