import { FRAGMENT } from "../feed.js";
import { chase, HOLD } from "./edge.js";
import { Screen } from "./screen.js";

const KEPT = 4; // seconds behind the picture that stay in the buffer
const SURE = 0.1; // seconds, more than a key frame's time in the buffer may be wrong by
const MOST_WAITING = 300; // fragments that the browser has not taken

/** H.264 in fragments of MP4 over the page's connection (Media Source Extensions). */
export class Mse {
  constructor({ feed, clock, camera, onload, onshape, onfail }) {
    this.onfail = onfail;
    this.screen = new Screen({ onload, onshape, onfail, delayOf: ({ mediaTime }) => this.delayAt(mediaTime) });
    this.element = this.screen.element;
    this.clock = clock;
    this.waiting = []; // {type}, or a message of the feed
    this.keyframes = []; // their times in the buffer
    this.taken = null; // when media time 0 was, by the server's clock
    this.buffer = null;
    const Source = window.MediaSource ?? window.ManagedMediaSource;
    this.source = new Source();
    this.address = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(this.address);
      if (this.screen.closed) return;
      this.channel = feed.watch({ camera, codec: "h264" }, { // not before: the first fragment is needed
        type: (type) => this.take({ type }),
        picture: (picture) => this.take(picture),
        end: onfail,
      });
    }, { once: true });
    this.element.src = this.address;
  }

  get loaded() {
    return this.screen.loaded;
  }

  get size() {
    return this.screen.size;
  }

  figures() {
    return this.screen.figures();
  }

  close() {
    this.channel?.close();
    this.waiting = [];
    this.screen.close();
    URL.revokeObjectURL(this.address);
  }

  delayAt(mediaTime) {
    return this.taken === null ? null : this.clock.since(this.taken + mediaTime);
  }

  take(item) {
    if (this.waiting.length >= MOST_WAITING) this.waiting = this.waiting.filter(({ kind }) => kind !== FRAGMENT);
    this.waiting.push(item);
    this.append();
  }

  /** Hand over all that waits, at most up to another type. */
  append() {
    if (this.screen.closed || !this.waiting.length || this.buffer?.updating) return;
    try {
      const next = this.waiting[0];
      if ("type" in next) {
        this.waiting.shift();
        this.turnTo(next.type);
        return this.append();
      }
      if (!this.buffer) return void this.waiting.shift();
      const turn = this.waiting.findIndex((item) => "type" in item);
      this.sent = this.waiting.splice(0, turn < 0 ? this.waiting.length : turn);
      this.buffer.appendBuffer(joined(this.sent));
    } catch (error) {
      this.onfail(error.message);
    }
  }

  turnTo(type) {
    if (this.buffer) return this.buffer.changeType(type);
    this.buffer = this.source.addSourceBuffer(type);
    this.buffer.addEventListener("updateend", () => this.appended());
  }

  appended() {
    const { buffer, element } = this;
    if (this.screen.closed || this.source.readyState !== "open") return;
    const ranges = buffer.buffered;
    const sent = this.sent ?? [];
    const last = sent.at(-1);
    this.sent = null;
    if (ranges.length && last?.kind === FRAGMENT) {
      const end = ranges.end(ranges.length - 1);
      this.taken = last.wall - (end - HOLD);
      for (const { kind, keyframe, wall } of sent) {
        if (kind === FRAGMENT && keyframe) this.keyframes.push(wall - this.taken);
      }
      if (!element.seeking) this.follow(chase(element.currentTime, end), ranges.start(ranges.length - 1));
      if (this.trim()) return; // there will be another end of an update
    }
    this.append();
  }

  follow({ seek, rate }, start) {
    const { element } = this;
    if (seek !== undefined) element.currentTime = Math.max(seek, start);
    else if (element.playbackRate !== rate) element.playbackRate = rate;
  }

  /** Give back what was shown, up to a key frame: the browser itself goes on to the next one, so a little before. */
  trim() {
    const old = this.keyframes.findLastIndex((time) => time < this.element.currentTime - KEPT);
    const [time] = this.keyframes.splice(0, old + 1).slice(-1);
    if (!(time > SURE)) return false;
    this.buffer.remove(0, time - SURE);
    return true;
  }
}

function joined(messages) {
  if (messages.length === 1) return messages[0].data;
  const whole = new Uint8Array(messages.reduce((sum, { data }) => sum + data.length, 0));
  let place = 0;
  for (const { data } of messages) {
    whole.set(data, place);
    place += data.length;
  }
  return whole;
}
