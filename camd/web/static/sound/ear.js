import { FRAGMENT } from "../feed.js";
import { follow, LEAST, more } from "./follow.js";

const KEPT = 5; // seconds behind what is heard that stay in the buffer
const MOST_WAITING = 100; // fragments that the browser has not taken

/** What a browser has to play for this. */
export const TYPE = 'audio/mp4; codecs="mp4a.40.2"';

/** The sound of one camera, heard from now on: AAC in fragments of MP4 over the page's connection. */
export class Ear {
  /** onend(reason): it is over: the browser does not play by itself (""), or nothing more comes. */
  constructor({ feed, camera, onend }) {
    const Source = window.MediaSource ?? window.ManagedMediaSource;
    this.onend = onend;
    this.closed = false;
    this.heard = false; // something was to be heard already
    this.waiting = []; // messages of the feed
    this.buffer = null;
    this.hand = LEAST;
    this.source = new Source();
    this.element = new Audio();
    this.element.disableRemotePlayback = true; // a ManagedMediaSource wants that
    this.address = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      if (this.closed) return;
      this.channel = feed.watch({ camera, codec: "aac" }, {
        type: (type) => this.turnTo(type),
        picture: (message) => this.take(message),
        end: (reason) => this.end(reason),
      });
    }, { once: true });
    this.element.addEventListener("error", () => this.end(this.element.error?.message || "it cannot be played"));
    this.element.addEventListener("waiting", () => this.heard && (this.hand = more(this.hand)));
    this.element.addEventListener("playing", () => (this.heard = true));
    this.element.addEventListener("pause", () => this.closed || this.play());
    this.element.src = this.address;
    this.play();
  }

  play() {
    this.element.play().catch(({ name }) => name === "NotAllowedError" && this.end(""));
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.channel?.close();
    this.waiting = [];
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load(); // gives decoder and buffers back at once
    URL.revokeObjectURL(this.address);
  }

  end(reason) {
    if (this.closed) return;
    this.close();
    this.onend(reason);
  }

  turnTo(type) {
    if (this.buffer || this.closed) return;
    this.buffer = this.source.addSourceBuffer(type);
    this.buffer.addEventListener("updateend", () => this.appended());
  }

  take(message) {
    if (this.waiting.length >= MOST_WAITING) this.waiting = this.waiting.filter(({ kind }) => kind !== FRAGMENT);
    this.waiting.push(message);
    this.append();
  }

  append() {
    if (this.closed || !this.buffer || this.buffer.updating || !this.waiting.length) return;
    try {
      this.buffer.appendBuffer(this.waiting.shift().data);
    } catch (error) {
      this.end(error.message);
    }
  }

  appended() {
    if (this.closed || this.source.readyState !== "open") return;
    const { buffer, element } = this;
    const { buffered } = buffer;
    if (buffered.length && !element.seeking) {
      const newest = buffered.length - 1;
      const { seek, rate } = follow(element.currentTime, buffered.start(newest), buffered.end(newest), this.hand);
      if (seek !== undefined) element.currentTime = seek;
      else if (rate !== element.playbackRate) element.playbackRate = rate;
      if (buffered.start(0) < element.currentTime - 2 * KEPT) return buffer.remove(0, element.currentTime - KEPT);
    }
    this.append();
  }
}
