import { Tally } from "../tally.js";

/** A <video> that starts by itself, without sound, and tells what it shows. */
export class Screen {
  /** delayOf(metadata): milliseconds since the picture was taken, or null. */
  constructor({ onload, onshape, onfail, delayOf }) {
    const element = document.createElement("video");
    this.element = element;
    element.muted = true; // browsers start nothing by itself that could be heard
    element.autoplay = true;
    element.playsInline = true;
    element.disablePictureInPicture = false;
    element.disableRemotePlayback = true;
    element.classList.add("vacant");
    this.tally = new Tally();
    this.loaded = false;
    this.closed = false;
    this.onload = onload;
    this.delayOf = delayOf;
    element.addEventListener("resize", () => this.loaded && onshape());
    element.addEventListener("error", () => this.closed || onfail(element.error?.message || "it cannot be played"));
    element.addEventListener("pause", () => this.closed || element.play().catch(() => {}));
    element.addEventListener("loadeddata", () => this.load());
    if ("requestVideoFrameCallback" in element) this.follow();
  }

  get size() {
    return [this.element.videoWidth, this.element.videoHeight];
  }

  figures() {
    return this.tally.figures(performance.now());
  }

  follow() {
    this.element.requestVideoFrameCallback((now, metadata) => {
      if (this.closed) return;
      this.tally.note(metadata.presentationTime, this.delayOf(metadata));
      this.follow();
    });
  }

  load() {
    if (this.loaded || this.closed) return;
    this.loaded = true;
    this.element.classList.remove("vacant");
    this.onload();
  }

  close() {
    this.closed = true;
    const { element } = this;
    element.pause();
    element.removeAttribute("src");
    element.srcObject = null;
    element.load(); // gives decoder and buffers back at once
    element.remove();
  }
}
