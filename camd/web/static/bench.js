import { Drawing } from "./drawing.js";
import { labelOf } from "./label.js";
import { Pad } from "./pad.js";
import { partOf } from "./template.js";
import { isDigital, windowOf } from "./view.js";

/** What can be drawn: by the last part of the name; scene: in the whole scene, else in the picture as it is shown. */
const DRAWN = {
  masks: { title: "Areas that nobody ever sees", most: 32, scene: true },
  zones: { title: "Areas in which motion counts", most: 16, scene: false },
  crop: { title: "The part that is kept", rectangle: true, scene: true },
};
const PLACE = ["pan", "tilt", "zoom"];

/** What one does with the hand on the picture: move the camera, or draw. One at a time. */
export class Bench {
  /** call(name, args), send(name, value): Promises; may(name): whether a setting is ours to change. */
  constructor(stage, store, { call, send, may }) {
    this.stage = stage;
    this.store = store;
    this.call = call;
    this.send = send;
    this.may = may;
    this.camera = null;
    this.pad = null;
    this.drawing = null;
    this.unwatch = [];
    this.tool = partOf(stage.root, "move");
    this.tool.addEventListener("click", () => (this.pad ? this.clear() : this.move()));
    stage.onshape = () => this.drawing?.draw();
  }

  /** camera: the one that is shown large, or null. */
  show(camera) {
    if (camera !== this.camera) {
      this.clear();
      for (const end of this.unwatch.splice(0)) end();
      this.camera = camera;
      const names = camera ? [...PLACE.map((axis) => `ptz/${axis}`), "crop"] : [];
      this.unwatch = names.map((name) => this.store.watch(`cameras/${camera}/${name}`, () => this.look()));
    }
    const movable = camera !== null && this.store.has(this.name("ptz/pan")) && this.may(this.name("ptz/pan"));
    this.tool.hidden = !movable;
    if (!movable && this.pad) this.clear();
  }

  name(rest) {
    return `cameras/${this.camera}/${rest}`;
  }

  get size() {
    const { player } = this.stage;
    return [player?.width ?? 0, player?.height ?? 0];
  }

  get place() {
    return Object.fromEntries(PLACE.map((axis) => [axis, this.store.get(this.name(`ptz/${axis}`))]));
  }

  get digital() {
    return isDigital(this.camera, this.store.schema);
  }

  /** The camera was moved, by whomever. */
  look() {
    this.pad?.show({ ...this.place, digital: this.digital });
    this.drawing?.draw();
  }

  move() {
    this.clear();
    const { camera } = this;
    this.pad = new Pad(this.stage.part("frame"), (name, args) => this.call(name, { camera, ...args }), () => this.size);
    this.tool.setAttribute("aria-pressed", "true");
    this.look();
  }

  /** name: of the setting that is to be drawn. */
  draw(name) {
    this.clear();
    const { title, most, rectangle, scene } = DRAWN[name.slice(name.lastIndexOf("/") + 1)];
    if (rectangle && this.digital) this.call("ptz.go", { camera: this.camera, preset: "home" }).catch(() => {}); // to see all of it
    const value = this.store.get(name) ?? [];
    const task = { title: title ?? labelOf(name), most, rectangle, value, save: (drawn) => this.send(name, drawn) };
    const view = () => (scene ? windowOf(this.store.get(this.name("crop")), this.digital ? this.place : {}) : windowOf());
    this.drawing = new Drawing(this.stage.part("frame"), this.stage.part("bar"), task, { view, size: () => this.size });
    this.drawing.onclose = () => {
      this.drawing = null;
      document.getElementById(`set/${name}`)?.focus();
    };
  }

  clear() {
    this.drawing?.close();
    this.pad?.close();
    this.pad = null;
    this.tool.setAttribute("aria-pressed", "false");
  }
}
