import { Link } from "./link.js";
import { Menu } from "./menu.js";
import { Mirror } from "./mirror.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { light, write } from "./template.js";
import { bindTheme } from "./theme.js";

const ALIVE_EVERY = 60_000; // a page that is looked at is in use, and so is its session
const CONDITIONS = {
  open: { word: "Connected", tone: "good" },
  connecting: { word: "Connecting", tone: "busy" },
};
const byId = (id) => document.getElementById(id);

/** What pages beside that of the cameras stand in: who sits here, and the state, kept equal to the server's. */
export class Shell {
  /** onready(): the state is there, for the first time or again; onchange(): who sits here, or what they may, is another. */
  constructor() {
    this.onready = () => {};
    this.onchange = () => {};
    this.session = new Session();
    this.ask = this.session.ask.bind(this.session);
    this.store = new Store((flush) => requestAnimationFrame(flush));
    this.link = new Link({
      open: () => new WebSocket(new URL("api", document.baseURI).href.replace(/^http/, "ws")),
      watched: () => !document.hidden,
    });
    this.mirror = new Mirror(this.link, this.store);
    this.menu = new Menu(byId("account-menu"), byId("sign-in"), this.session);
    this.link.onphase = ({ phase }) => this.follow(phase);
    this.link.onrights = () => this.look();
    this.session.onchange = () => this.review();
    this.mirror.onready = () => this.onready();
    this.store.watch("system/name", (name) => write(byId("system-name"), name ?? ""));
    document.addEventListener("visibilitychange", () => this.wake());
    setInterval(() => document.hidden || this.link.phase !== "open" || this.look(), ALIVE_EVERY);
    bindTheme(byId("theme"));
  }

  open() {
    this.link.connect();
  }

  may(permission) {
    return this.session.may(permission);
  }

  /** Whether whoever sits here may set this name. */
  maySet(name) {
    return this.session.may(this.store.schema[name]?.write);
  }

  async send(name, value) {
    try {
      this.store.merge(await this.link.request({ [name]: value }));
    } catch (error) {
      if (error.refused) this.look(); // the rights are others than we thought
      throw error;
    }
  }

  async call(name, args) {
    try {
      return (await this.link.request({ call: name, args })).result;
    } catch (error) {
      if (error.refused) this.look();
      throw error;
    }
  }

  /** Ask who we are; a server that is away is the link's to report. */
  async look() {
    return this.session.look().catch(() => false);
  }

  async follow(phase) {
    document.body.dataset.phase = phase;
    light(byId("link"), CONDITIONS[phase] ?? { word: "Disconnected", tone: "bad" });
    if (phase !== "open") this.mirror.close();
    if (phase === "waiting") this.look(); // it may have been the session that ended
    if (phase === "open" && (await this.look())) await this.mirror.open().catch(() => {});
  }

  /** Rights changed: other names, other values. */
  async review() {
    this.menu.show();
    if (this.mirror.ready) await this.mirror.describe().catch(() => {});
    this.onchange();
  }

  wake() {
    if (document.hidden) return;
    this.link.check();
    this.look();
  }
}
