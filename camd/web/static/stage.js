import { conditionOf, noticeOf } from "./condition.js";
import { Player } from "./player/player.js";
import { Loudspeaker } from "./sound/loudspeaker.js";
import { Ways } from "./player/ways.js";
import { rounded } from "./quantity.js";
import { light, partOf, write } from "./template.js";

const LOOK_EVERY = 1_000; // at what the picture does, milliseconds
const PATIENCE = 500; // a picture that comes sooner needs no "waiting"
const READOUT = ["size", "measured_fps", "format", "delay", "clients", "drops"];
const FORMATS = { bgr: "uncompressed", yuyv422: "YUYV", h264: "H.264" };
/** How the facts under the picture are worded: value -> text. */
const PHRASES = {
  size: (value) => value.replace("x", " × "),
  measured_fps: (value) => `${rounded(value)} fps`,
  format: (value) => FORMATS[value] ?? value.toUpperCase(),
  delay: (value) => `${Math.round(value)} ms late`,
  clients: (value) => `${value} watching`,
  drops: (value) => `${value} dropped`,
};

/** The large picture with its caption, and what is said in its place while there is none. */
export class Stage {
  /** sources: what a Player and a Loudspeaker need: {feed, clock, offered, hearing}. */
  constructor(root, store, sources) {
    this.root = root;
    this.store = store;
    this.sources = sources;
    this.part = (name) => partOf(root, name);
    this.camera = undefined; // null is none, and that is to be shown too
    this.player = null;
    this.loudspeaker = null;
    this.unwatch = [];
    this.message = null;
    this.onname = () => {};
    this.onshape = () => {};
    this.readout = new Map();
    for (const fact of READOUT) {
      const item = document.createElement("span");
      item.dataset.fact = fact;
      this.part("readout").append(item);
      this.readout.set(fact, item);
    }
    this.ways = new Ways(this.part("ways"));
    setInterval(() => this.measure(), LOOK_EVERY);
    this.part("fullscreen").addEventListener("click", () => this.toggleFullscreen());
    this.part("snapshot").addEventListener("click", () => this.nameSnapshot());
  }

  /** Show this camera, or none. */
  show(camera) {
    if (camera === this.camera) return;
    this.camera = camera;
    for (const end of this.unwatch.splice(0)) end();
    this.player?.close();
    this.loudspeaker?.close();
    this.player = this.loudspeaker = null;
    for (const tool of ["snapshot", "fullscreen", "ways"]) this.part(tool).hidden = camera === null;
    if (camera === null) {
      write(this.part("name"), "No camera");
      light(this.part("lamp"), { word: "", tone: "off" });
      write(this.part("notice"), "");
      for (const item of this.readout.values()) write(item, "");
      this.onname("");
    } else {
      this.open(camera);
    }
  }

  open(camera) {
    const { store } = this;
    this.part("fullscreen").hidden = !document.fullscreenEnabled;
    const prefix = `cameras/${camera}/`;
    const watch = (fact, watcher) => this.unwatch.push(store.watch(prefix + fact, watcher));
    this.part("snapshot").href = `cam/${camera}/snapshot.jpg`;
    this.player = new Player(camera, this.sources);
    this.player.onchange = () => this.wait();
    this.player.onshape = () => this.shape();
    this.part("frame").prepend(this.player.element);
    this.loudspeaker = new Loudspeaker(camera, {
      button: this.part("sound"), label: this.part("sound-label"), sign: this.part("microphone"),
    }, { store, hearing: this.sources.hearing });
    watch("name", (name) => {
      write(this.part("name"), name || camera);
      this.onname(name || camera);
      this.player.describe(`Live picture of ${name || camera}`);
    });
    watch("format", (format) => this.player.learn(format));
    watch("state", (state) => light(this.part("lamp"), conditionOf(state)));
    for (const fact of ["state", "reason", "since"]) watch(fact, () => this.notice());
    for (const fact of READOUT.filter((one) => one !== "delay")) {
      watch(fact, (value) => write(this.readout.get(fact), value == null ? "" : PHRASES[fact](value)));
    }
    watch("size", () => this.shape());
    this.wait();
  }

  /** How late the picture is, and how it comes. */
  measure() {
    const { player } = this;
    if (!player || document.hidden) return;
    const { delay } = player.figures();
    write(this.readout.get("delay"), delay === null ? "" : PHRASES.delay(delay));
    this.ways.measure(player);
  }

  /** The picture is there, or another one is fetched: say so if that takes long. */
  wait() {
    this.ways.show(this.player);
    this.since = performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.veil(), PATIENCE);
    this.veil();
  }

  /** Keep the place of the picture before it is there, and when its size changes. */
  shape() {
    const { player } = this;
    const told = (this.store.get(`cameras/${this.camera}/size`) ?? "").split("x").map(Number);
    const [width, height] = player.width ? [player.width, player.height] : told;
    const { style } = this.root;
    if (width && height) style.setProperty("--ratio", `${width / height}`);
    else style.removeProperty("--ratio");
    this.onshape();
  }

  notice() {
    const fact = (name) => this.store.get(`cameras/${this.camera}/${name}`);
    const text = noticeOf({ state: fact("state"), reason: fact("reason"), since: fact("since") });
    write(this.part("notice"), text);
    this.part("readout").hidden = text !== "";
    this.veil();
  }

  /** Say something over the picture: {title, text, countdown, retry}, or null for nothing. */
  say(message) {
    this.message = message;
    this.veil();
  }

  /** The message at hand: somebody's, or ours about a picture that is late. */
  veil() {
    const veil = this.part("veil");
    const late = this.player && !this.player.loaded && performance.now() - this.since >= PATIENCE - 1;
    const message = this.message ?? (late ? this.delay() : null);
    veil.hidden = message === null;
    veil.classList.toggle("over-picture", Boolean(this.player?.loaded));
    if (!message) return;
    write(this.part("title"), message.title);
    write(this.part("text"), message.text ?? "");
    write(this.part("countdown"), message.countdown ?? "");
    this.part("retry").hidden = !message.retry;
  }

  /** Why the picture is late: of a camera that is away the server's card comes after a while. */
  delay() {
    const text = this.part("notice").textContent;
    return text ? { title: this.part("lamp").textContent.trim(), text } : { title: "Waiting for the picture" };
  }

  toggleFullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.part("frame").requestFullscreen().catch(() => {}); // refused by the browser: its business
  }

  /** The file's name tells camera and local time of the click. */
  nameSnapshot() {
    const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000);
    this.part("snapshot").download = `${this.camera}-${now.toISOString().slice(0, 19).replace(/\D/g, "")}.jpg`;
  }
}
