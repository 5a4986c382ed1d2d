import { JPEG } from "./feed.js";
import { Tally } from "./tally.js";

/**
 * One camera's JPEGs in a <canvas>. They are decoded beside the page's own work, one at a time: what comes
 * meanwhile replaces what waits, so a slow machine shows fewer pictures and never old ones. It holds one picture.
 */
export class Reel {
  constructor(feed, camera, clock) {
    this.feed = feed;
    this.camera = camera;
    this.clock = clock;
    this.element = document.createElement("canvas");
    this.element.classList.add("vacant");
    this.canvas = this.element.getContext("bitmaprenderer");
    this.tally = new Tally();
    this.loaded = false; // there is a picture to be seen
    this.wish = null;
    this.channel = null;
    this.waiting = null;
    this.decoding = false;
    this.onload = () => {};
    this.onshape = () => {}; // the picture has another size
    this.onend = () => {};
  }

  get width() {
    return this.loaded ? this.element.width : 0;
  }

  get height() {
    return this.loaded ? this.element.height : 0;
  }

  /** wish: {size, fps}, as far as they matter; null: stop, what was last seen stays. */
  show(wish) {
    if (JSON.stringify(wish) === JSON.stringify(this.wish)) return;
    this.wish = wish;
    if (wish === null) {
      this.channel.close();
      this.channel = this.waiting = null;
      this.tally.clear();
      return;
    }
    const whole = { camera: this.camera, codec: "mjpeg", ...wish };
    if (this.channel) this.channel.change(whole);
    else this.channel = this.feed.watch(whole, { picture: (picture) => this.receive(picture), end: (why) => this.end(why) });
  }

  /** Nothing is to be seen any more, and nothing comes. */
  blank() {
    this.show(null);
    this.canvas.transferFromImageBitmap(null);
    this.loaded = false;
    this.element.classList.add("vacant");
  }

  close() {
    this.blank();
    this.element.remove();
  }

  end(reason) {
    this.channel = this.waiting = this.wish = null;
    this.blank();
    this.onend(reason);
  }

  receive(picture) {
    if (picture.kind !== JPEG) return;
    this.waiting = picture;
    if (!this.decoding) this.decode();
  }

  async decode() {
    this.decoding = true;
    while (this.waiting) {
      const { data, wall } = this.waiting;
      this.waiting = null;
      const bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" })).catch(() => null);
      if (!bitmap) continue; // a damaged picture; the next one comes
      if (this.channel) this.draw(bitmap, wall);
      else bitmap.close();
    }
    this.decoding = false;
  }

  draw(bitmap, wall) {
    const { width, height } = bitmap;
    const turned = width !== this.element.width || height !== this.element.height;
    if (turned) Object.assign(this.element, { width, height });
    this.canvas.transferFromImageBitmap(bitmap); // which takes it: nothing is left to close
    this.tally.note(performance.now(), this.clock.since(wall));
    if (!this.loaded) {
      this.loaded = true;
      this.element.classList.remove("vacant");
      this.onload();
    }
    if (turned) this.onshape();
  }
}
