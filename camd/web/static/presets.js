import { copyOf, write } from "./template.js";

const HOME = "home";

/** Places that a camera goes to by name. */
export class Presets {
  /** call(name, args): a Promise of what the server did. */
  constructor(camera, store, call) {
    const { root, part } = copyOf("presets-template");
    this.root = root;
    this.part = part;
    this.call = (name, preset) => call(name, { camera, preset });
    this.names = null;
    part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = part("name").value.trim();
      if (name) this.act("ptz.save", name).then((done) => done && (part("name").value = ""));
    });
    this.unwatch = store.watch(`cameras/${camera}/ptz/presets`, (presets) => this.show(Object.keys(presets ?? {})));
  }

  show(names) {
    const all = [HOME, ...names.filter((name) => name !== HOME)];
    if (JSON.stringify(all) === JSON.stringify(this.names)) return;
    this.names = all;
    this.part("list").replaceChildren(...all.map((name) => this.item(name)));
  }

  item(name) {
    const { root, part } = copyOf("preset-template");
    write(part("go"), name === HOME ? "Home" : name);
    part("go").addEventListener("click", () => this.act("ptz.go", name));
    part("forget").hidden = name === HOME;
    write(part("forget-label"), `Forget ${name}`);
    part("forget").addEventListener("click", () => this.act("ptz.forget", name));
    return root;
  }

  async act(what, name) {
    write(this.part("error"), "");
    return this.call(what, name).then(() => true, (error) => void write(this.part("error"), error.message));
  }

  close() {
    this.unwatch();
    this.root.remove();
  }
}
