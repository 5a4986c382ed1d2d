import { write } from "../template.js";

/** The button that lets one hear a camera, and the sign that its microphone is on: for everybody who sees the camera. */
export class Loudspeaker {
  /** parts: {button, label, sign}; sources: {store, hearing}. */
  constructor(camera, { button, label, sign }, { store, hearing }) {
    this.camera = camera;
    this.hearing = hearing;
    this.button = button;
    this.label = label;
    this.sign = sign;
    this.name = camera;
    this.reason = ""; // why the microphone is not well
    const prefix = `cameras/${camera}/`;
    const press = () => hearing.toggle(camera);
    button.addEventListener("click", press);
    this.unwatch = [
      store.watch(`${prefix}sound/status`, (status) => this.show(status)),
      store.watch(`${prefix}sound/reason`, (reason) => {
        this.reason = reason ?? "";
        this.press();
      }),
      store.watch(`${prefix}name`, (name) => {
        this.name = name || camera;
        this.press();
      }),
      hearing.watch(() => this.press()),
      () => button.removeEventListener("click", press),
    ];
  }

  /** status: of its sound; undefined for a camera without. */
  show(status) {
    this.sign.hidden = status !== "on";
    this.button.hidden = status === undefined || !this.hearing.able;
    if (status === undefined) {
      if (this.hearing.camera === this.camera) this.hearing.choose(null);
    } else this.hearing.offer(this.camera);
  }

  press() {
    const heard = this.hearing.camera === this.camera;
    this.button.setAttribute("aria-pressed", String(heard));
    const action = heard ? "Do not listen any more" : "Listen";
    this.button.title = this.reason ? `${action}. The microphone: ${this.reason}` : action;
    write(this.label, `Listen to ${this.name}`);
  }

  close() {
    for (const end of this.unwatch) end();
    this.sign.hidden = this.button.hidden = true;
  }
}
