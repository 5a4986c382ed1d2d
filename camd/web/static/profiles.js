import { confirmed } from "./confirm.js";
import { copyOf, write } from "./template.js";

const BUILT_IN = ["", "indoor", "outdoor", "low_light", "microscopy"];

/** Keeping the controls of a camera under a name, and bringing all of them back to their defaults. */
export class Profiles {
  /** call(name, args): a Promise of what the server did. */
  constructor(camera, store, call) {
    const { root, part } = copyOf("profiles-template");
    this.root = root;
    this.part = part;
    this.camera = camera;
    this.call = call;
    this.store = store;
    part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = part("name").value.trim();
      if (name) this.act("profile.save", { name }).then((done) => done && (part("name").value = ""));
    });
    part("forget").addEventListener("click", () => this.act("profile.delete", { name: this.present }));
    part("reset").addEventListener("click", () => this.reset());
    this.unwatch = store.watch(`cameras/${camera}/profile`, (name) => this.show(name ?? ""));
  }

  show(name) {
    this.present = name;
    this.part("forget").hidden = BUILT_IN.includes(name);
    write(this.part("forget"), `Forget ${name}`);
  }

  async reset() {
    const sure = await confirmed({
      title: "Bring every control back to its default?",
      text: "What was set on this camera's controls is forgotten; profiles stay.",
      action: "Bring them back",
    });
    if (sure) await this.act("camera.reset", {});
  }

  async act(what, args) {
    write(this.part("error"), "");
    return this.call(what, { camera: this.camera, ...args })
      .then(() => true, (error) => void write(this.part("error"), error.message));
  }

  close() {
    this.unwatch();
    this.root.remove();
  }
}
