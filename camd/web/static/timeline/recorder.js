import { light, partOf, write } from "../template.js";

const STATES = {
  recording: { word: "Recording", tone: "bad" },
  paused: { word: "Paused", tone: "warn" },
  stopped: { word: "Not recording", tone: "off" },
};
const FACTS = ["state", "kind", "reason", "mode"];

/** Recording by hand: what is recorded of a camera now and why, and starting and stopping it. */
export class Recorder {
  /** call(name, args): a Promise. */
  constructor(root, store, call) {
    this.root = root;
    this.store = store;
    this.part = (name) => partOf(root, name);
    this.camera = null;
    this.unwatch = [];
    const calls = { start: "recording.start", stop: "recording.stop", pause: "recording.pause", resume: "recording.resume",
      keep: "recording.snapshot" };
    for (const [name, action] of Object.entries(calls)) {
      this.part(name).addEventListener("click", async () => {
        write(this.part("error"), "");
        this.root.setAttribute("aria-busy", "true");
        await call(action, { camera: this.camera }).catch((error) => write(this.part("error"), error.message));
        this.root.removeAttribute("aria-busy");
      });
    }
  }

  /** mayChange: whether whoever sits here may start and stop. */
  show(camera, mayChange) {
    this.part("actions").hidden = !mayChange;
    this.root.hidden = camera === null || !this.store.has(`cameras/${camera}/recording/state`);
    if (camera === this.camera) return;
    for (const end of this.unwatch.splice(0)) end();
    this.camera = camera;
    write(this.part("error"), "");
    if (camera === null) return;
    this.unwatch = FACTS.map((fact) => this.store.watch(`cameras/${camera}/recording/${fact}`, () => this.look()));
  }

  look() {
    const [state, kind, reason, mode] = FACTS.map((fact) => this.store.get(`cameras/${this.camera}/recording/${fact}`));
    light(this.part("lamp"), reason ? { word: "Cannot record", tone: "warn" } : STATES[state] ?? STATES.stopped);
    write(this.part("why"), reason || why(state, kind, mode));
    this.part("start").hidden = state !== "stopped";
    this.part("stop").hidden = state === "stopped";
    this.part("pause").hidden = state !== "recording";
    this.part("resume").hidden = state !== "paused";
  }
}

function why(state, kind, mode) {
  if (state === "recording" && kind) return kind === "manual" ? "Started by hand." : `Because of the mode “${kind}”.`;
  if (state === "paused" || !mode || mode === "off") return "";
  return mode === "event" ? "It begins with the next event." : `The mode is “${mode}”.`;
}
