import { Jpeg } from "./jpeg.js";
import { Mse } from "./mse.js";
import { abilitiesOf, hindrances, TITLES, waysOf } from "./way.js";
import { WebRtc } from "./webrtc.js";

const WAYS = { jpeg: Jpeg, mse: Mse, webrtc: WebRtc };
const PATIENCE = 10_000; // for the first picture, milliseconds
const AHEAD = 100; // milliseconds by which clocks may seem to be wrong
const KEY = "camd.way";

/**
 * The large picture of one camera: by the best way there is, and by the next one when that fails.
 *
 * A way is {element, loaded, size: [width, height], figures(): {fps, delay}, close()}, made from {feed, clock,
 * camera, onload, onshape, onfail(reason)}.
 */
export class Player {
  /** offered(): way -> false if the server does not offer it. */
  constructor(camera, { feed, clock, offered }) {
    this.camera = camera;
    this.feed = feed;
    this.clock = clock;
    this.offered = offered;
    this.able = abilitiesOf(window);
    this.element = document.createElement("div");
    this.element.className = "screen";
    this.format = null;
    this.failed = new Map(); // way -> why
    this.chosen = stored();
    this.way = null;
    this.previous = null; // is to be seen until there is something of this one
    this.name = null; // of the way
    this.why = "";
    this.visible = false;
    this.label = "";
    this.onchange = () => {}; // a picture is there or not, or it comes by another way
    this.onshape = () => {};
  }

  get loaded() {
    return this.way?.loaded ?? false;
  }

  get width() {
    return this.way?.size[0] ?? 0;
  }

  get height() {
    return this.way?.size[1] ?? 0;
  }

  /** way -> why it cannot be chosen, "" if it can. */
  get hindered() {
    return hindrances(this.able, this.offered());
  }

  /** {fps, delay}: pictures a second and milliseconds, null where nothing is known. */
  figures() {
    const { fps, delay } = this.way?.figures() ?? { fps: null, delay: null };
    return { fps, delay: delay === null || delay < -AHEAD ? null : Math.max(0, delay) };
  }

  /** Whether somebody could see it. */
  see(visible) {
    if (visible === this.visible) return;
    this.visible = visible;
    this.arrange();
  }

  /** What the camera gives, as soon as that is known. */
  learn(format) {
    if (!format || format === this.format) return; // a camera that is away was this one all the same
    this.format = format;
    this.arrange();
  }

  /** way: or "auto". Remembered in this browser. */
  choose(way) {
    this.chosen = way;
    remember(way);
    this.failed.clear();
    this.arrange();
  }

  /** The server is another one now, or the rights are: what failed may work. */
  restart() {
    this.failed.clear();
    this.name = null;
    this.arrange();
  }

  /** What it is for those who do not see it. */
  describe(label) {
    this.label = label;
    this.way?.element.setAttribute("aria-label", label);
  }

  arrange() {
    const { chosen, format, hindered, failed } = this;
    const [name, why] = this.visible ? waysOf({ chosen, format, hindered, failed })[0] ?? [null, ""] : [null, ""];
    this.why = why;
    if (name !== this.name) {
      this.name = name;
      this.replace(name && this.make(name));
    }
    this.onchange();
  }

  make(name) {
    const way = new WAYS[name]({
      feed: this.feed,
      clock: this.clock,
      camera: this.camera,
      onload: () => way === this.way && this.load(),
      onshape: () => way === this.way && this.onshape(),
      onfail: (reason) => way === this.way && this.fail(reason),
    });
    return way;
  }

  /** The picture before stays until the new one is there. */
  replace(way) {
    clearTimeout(this.timer);
    if (this.loaded) {
      this.forget();
      this.previous = this.way;
    } else this.way?.close();
    this.way = way;
    if (!way) return this.forget();
    way.element.setAttribute("aria-label", this.label);
    this.element.append(way.element);
    this.wait();
  }

  load() {
    clearTimeout(this.timer);
    this.forget();
    this.onshape();
    this.onchange();
  }

  /** Without a connection no picture comes by any way, and none is to blame. */
  wait() {
    this.timer = setTimeout(() => (this.feed.isOpen || this.name === "webrtc" ? this.fail("no picture came") : this.wait()),
      PATIENCE);
  }

  fail(reason) {
    this.failed.set(this.name, sentence(reason));
    this.arrange();
  }

  forget() {
    this.previous?.close();
    this.previous = null;
  }

  close() {
    this.onchange = this.onshape = () => {};
    this.see(false);
    this.element.remove();
  }
}

function sentence(text) {
  return (text || "nobody knows why").replace(/([^.?!])$/, "$1.");
}

function stored() {
  try {
    const way = localStorage.getItem(KEY);
    return way in TITLES ? way : "auto";
  } catch {
    return "auto"; // storage may be forbidden; the page works without memory
  }
}

function remember(way) {
  try {
    localStorage.setItem(KEY, way);
  } catch {
    // as above
  }
}
