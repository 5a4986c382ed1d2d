import { isVideo, nextAfter, playableUntil, recordAt } from "./span.js";
import { clockOf } from "./day.js";
import { partOf, write } from "../template.js";

const SETTLE = 150; // while somebody drags, a picture is fetched so often at most (milliseconds)
const REACH = 60_000; // a picture that is kept stands for so long
const FLIP = 250; // between two of them, when they are played
const NAMES = { h264: "H.264", hevc: "H.265", mjpeg: "JPEG" };

/**
 * Plays what was recorded of a camera from any moment on. The server gives a time as one MP4, so a moment is reached by
 * asking for what follows it; where that ends, the next is asked for.
 */
export class Playback {
  /**
   * records(camera): what there is, in the order of time. onmove(moment); onchange(): it plays, or does not;
   * onend(): a Promise of having looked for more.
   */
  constructor(root, records) {
    this.root = root;
    this.records = records;
    this.part = (name) => partOf(root, name);
    this.video = this.part("video");
    this.picture = this.part("image");
    this.onmove = () => {};
    this.onchange = () => {};
    this.onend = async () => {};
    this.camera = null;
    this.moment = 0;
    this.playing = false;
    this.record = null; // what is shown
    this.from = this.until = 0; // what the video has
    this.address = "";
    const { video } = this;
    video.addEventListener("timeupdate", () => this.follow());
    video.addEventListener("ended", () => this.playing && this.goOn());
    video.addEventListener("error", () => this.fail());
    video.addEventListener("loadeddata", () => this.say(""));
    video.addEventListener("click", () => this.toggle());
    this.picture.addEventListener("error", () => this.say("The picture is not there any more."));
    const frame = () => {
      if (this.playing && !video.paused) this.follow();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Show this moment; while somebody drags only now and then. */
  seek(camera, moment, done = true) {
    this.camera = camera;
    this.moment = moment;
    this.onmove(moment);
    if (done) this.load();
    else this.timer ??= setTimeout(() => this.load(false), SETTLE);
  }

  load(play = this.playing) {
    clearTimeout(this.timer);
    clearTimeout(this.flip);
    this.timer = null;
    const records = this.records(this.camera);
    this.record = recordAt(records, this.moment, REACH);
    if (!this.record) return this.blank(this.camera ? `Nothing is recorded at ${clockOf(this.moment)}.` : "");
    if (!isVideo(this.record)) return this.showPicture();
    this.picture.hidden = true;
    this.video.hidden = false;
    this.from = this.moment;
    this.until = playableUntil(records, this.moment);
    const place = new URLSearchParams({ camera: this.camera, start: Math.round(this.from), end: Math.round(this.until) });
    this.address = `api/recordings/range?${place}`;
    this.video.src = this.address;
    this.video.playbackRate = this.rate;
    if (play) this.video.play().catch(() => {}); // why it does not, `error` tells
    this.onchange();
  }

  get rate() {
    return Number(this.part("rate").value);
  }

  showPicture() {
    this.drop();
    this.video.hidden = true;
    this.picture.hidden = false;
    this.picture.src = `api/recordings/${this.record.id}`;
    this.say("");
    if (this.playing) this.flip = setTimeout(() => this.goOn(), FLIP);
    this.onchange();
  }

  blank(text) {
    this.drop();
    this.record = null;
    this.picture.hidden = true;
    this.say(text);
    this.onchange();
  }

  /** No video: what was on its way is not fetched further. */
  drop() {
    if (!this.video.hasAttribute("src")) return;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    this.playing = true;
    if (!this.record) this.goOn();
    else if (isVideo(this.record) && this.video.hasAttribute("src") && !this.video.ended) this.video.play().catch(() => {});
    else this.load();
    this.onchange();
  }

  pause() {
    this.playing = false;
    clearTimeout(this.flip);
    this.video.pause();
    this.onchange();
  }

  setRate() {
    this.video.playbackRate = this.rate;
  }

  follow() {
    if (this.timer || !this.video.hasAttribute("src") || this.video.readyState < 2) return;
    this.moment = Math.min(this.until, this.from + this.video.currentTime * 1000);
    this.onmove(this.moment);
  }

  /** What follows: the rest of the same recording, or the next one. asked: whether more was looked for. */
  async goOn(asked = false) {
    const { camera } = this;
    const records = this.records(camera);
    const at = this.record && isVideo(this.record) ? this.until : this.moment;
    const following = recordAt(records, at);
    const next = following ?? nextAfter(records, at);
    if (!next && asked) return this.pause();
    if (!next) {
      await this.onend();
      if (this.playing && camera === this.camera) await this.goOn(true);
      return;
    }
    this.moment = following ? at : next.timestamp_start;
    this.onmove(this.moment);
    this.load();
  }

  /** A video element does not tell why: ask the server, which does. */
  async fail() {
    const { address, record } = this;
    if (!this.video.hasAttribute("src") || !record) return;
    this.drop();
    let text = `This browser does not play ${NAMES[record.codec] ?? record.codec}. The file can be downloaded below.`;
    const stop = new AbortController();
    try {
      const answer = await fetch(address, { signal: stop.signal });
      if (!answer.ok) text = (await answer.json()).error.message;
    } catch {
      text = "The server does not answer.";
    }
    stop.abort();
    if (address === this.address) this.say(text);
  }

  say(text) {
    write(this.part("word"), text);
    this.part("word").hidden = text === "";
  }
}
