import { copyOf, partOf } from "./template.js";

const AHEAD = 2; // seconds for which a move is ordered; it is renewed while the button is held
const RENEW_EVERY = 1_000;
const SPEED = 0.6;
const DRAG = 6; // CSS pixels; less is a click
const WHEEL = 400; // of a wheel's travel double the zoom
const MOVES = {
  up: { tilt: SPEED }, down: { tilt: -SPEED }, left: { pan: -SPEED }, right: { pan: SPEED },
  in: { zoom: SPEED }, out: { zoom: -SPEED },
};

/**
 * Pan, tilt and zoom on the picture: buttons that are held, a click that brings a place into the middle, a picture that
 * is pulled, a wheel that zooms. Should the page vanish while a button is held, the camera stops by itself.
 */
export class Pad {
  /** call(name, args): a Promise. size(): of the picture, in pixels. */
  constructor(frame, call, size) {
    this.frame = frame;
    this.call = call;
    this.size = size;
    const { root } = copyOf("pad-template");
    this.root = root;
    this.reach = partOf(root, "reach");
    this.timer = null;
    this.held = null; // the button
    this.pull = null; // of the picture
    this.running = false;
    this.waiting = null; // shift that comes next
    for (const button of root.querySelectorAll("[data-move]")) this.bind(button);
    partOf(root, "home").addEventListener("click", () => this.order("ptz.go", { preset: "home" }));
    this.reach.addEventListener("pointerdown", (event) => this.grasp(event));
    this.reach.addEventListener("pointermove", (event) => this.drag(event));
    this.reach.addEventListener("pointerup", (event) => this.release(event));
    this.reach.addEventListener("pointercancel", () => (this.pull = null));
    this.reach.addEventListener("wheel", (event) => this.turn(event), { passive: false });
    frame.append(root);
  }

  /** Where the camera looks; digital: a window without room around it cannot be moved. */
  show({ zoom = 1, digital }) {
    const fixed = digital && zoom <= 1.001;
    for (const button of this.root.querySelectorAll("[data-move]")) {
      const zooms = ["in", "out"].includes(button.dataset.move);
      button.disabled = fixed && button.dataset.move !== "in";
      button.title = fixed && !zooms ? "Zoom in first: there is no room to move" : "";
    }
  }

  close() {
    this.stop();
    this.root.remove();
  }

  // -- buttons

  bind(button) {
    const start = () => this.drive(button);
    const stop = () => this.held === button && this.stop(); // another one may have been pressed before this is left
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      start();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      button.addEventListener(end, stop);
    }
    button.addEventListener("keydown", (event) => {
      if (event.repeat || (event.key !== "Enter" && event.key !== " ")) return;
      start();
    });
    button.addEventListener("keyup", stop);
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is no question
  }

  drive(button) {
    this.stop();
    this.held = button;
    const go = () => this.order("ptz.drive", { pan: 0, tilt: 0, zoom: 0, ...MOVES[button.dataset.move], seconds: AHEAD });
    this.timer = setInterval(go, RENEW_EVERY);
    go();
  }

  stop() {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.timer = this.held = null;
    this.order("ptz.stop", {});
  }

  order(name, args) {
    return this.call(name, args).catch(() => {}); // the link says what is wrong with it; rights decide what is shown
  }

  // -- the picture

  /** The pointer's place in the picture, as shares from its middle; the picture may be narrower than its frame. */
  where({ clientX, clientY }) {
    const box = this.frame.getBoundingClientRect();
    const [width, height] = this.size();
    const scale = Math.min(box.width / width, box.height / height) || 1;
    return [
      (clientX - box.left - box.width / 2) / (width * scale),
      (clientY - box.top - box.height / 2) / (height * scale),
    ];
  }

  grasp(event) {
    if (event.button !== 0) return;
    this.reach.setPointerCapture(event.pointerId);
    this.pull = { from: this.where(event), x: event.clientX, y: event.clientY, far: false };
  }

  drag(event) {
    const { pull } = this;
    if (!pull) return;
    pull.far ||= Math.hypot(event.clientX - pull.x, event.clientY - pull.y) > DRAG;
    if (!pull.far) return;
    const [x, y] = this.where(event);
    this.shift({ pan: pull.from[0] - x, tilt: y - pull.from[1], zoom: 0 }); // what is under the finger stays there
    pull.from = [x, y];
  }

  release(event) {
    const { pull } = this;
    this.pull = null;
    if (!pull || pull.far) return;
    const [x, y] = this.where(event);
    if (Math.abs(x) <= 0.5 && Math.abs(y) <= 0.5) this.shift({ pan: x, tilt: -y, zoom: 0 });
  }

  turn(event) {
    event.preventDefault();
    this.shift({ pan: 0, tilt: 0, zoom: Math.max(-1, Math.min(1, -event.deltaY / WHEEL)) });
  }

  /** At most one is under way; what comes meanwhile is added up. */
  async shift(by) {
    const { waiting } = this;
    this.waiting = waiting
      ? { pan: waiting.pan + by.pan, tilt: waiting.tilt + by.tilt, zoom: waiting.zoom + by.zoom } : by;
    if (this.running) return;
    this.running = true;
    while (this.waiting) {
      const next = this.waiting;
      this.waiting = null;
      await this.order("ptz.shift", { ...next, speed: 1 });
    }
    this.running = false;
  }
}
