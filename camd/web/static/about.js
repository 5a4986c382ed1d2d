import { confirmed } from "./confirm.js";
import { Control } from "./control.js";
import { addressOf, Copyable } from "./copyable.js";
import { factsOf } from "./catalogue.js";
import { Facts } from "./facts.js";
import { restOf } from "./group.js";
import { labelOf } from "./label.js";
import { textOf } from "./quantity.js";
import { copyOf, write } from "./template.js";

const NAME = { type: "str", doc: "Name" };
const ENABLED = { type: "bool", doc: "Switched on" };

/** About one camera: facts, addresses and, for those who may, its name, its switch and its end. */
export class About {
  /** change(camera, values), remove(camera): Promises, settled when the server has done it. */
  constructor(camera, store, { change, remove }) {
    this.camera = camera;
    this.store = store;
    this.root = document.createElement("div");
    const list = document.createElement("dl");
    list.className = "facts figures";
    this.facts = new Facts(list, store, {
      label: (name, entry) => labelOf(restOf(name).replace("/", "_"), entry),
      render: (element, value, entry, name) => write(element, name.endsWith("/outputs") ? lines(value) : textOf(value, entry)),
    });
    this.root.append(list, new Copyable("Single picture (JPEG)", addressOf(`cam/${camera}/snapshot.jpg`)).root,
      new Copyable("Stream (MJPEG)", addressOf(`cam/${camera}/stream.mjpg`)).root);
    this.change = change;
    this.remove = remove;
    this.own = null;
  }

  /** changeable: whether whoever sits here may change what it is. */
  show(changeable) {
    this.facts.show(factsOf(this.camera, this.store.schema));
    if (changeable && !this.own) this.own = this.controls();
    if (!changeable && this.own) this.close();
  }

  close() {
    for (const control of this.own ?? []) control.close();
    this.own = null;
  }

  controls() {
    const { camera, store } = this;
    const set = (key) => (_, value) => this.change(camera, { [key]: value });
    const name = new Control(`cameras/${camera}/name`, NAME, store, set("name"));
    const enabled = new Control(`cameras/${camera}/state`, ENABLED, switchOf(store), set("enabled"));
    const ending = this.ending();
    this.root.prepend(name.root, enabled.root);
    this.root.append(ending);
    return [name, enabled, { close: () => ending.remove() }];
  }

  ending() {
    const { root, part } = copyOf("ending-template");
    part("remove").addEventListener("click", async () => {
      const name = this.store.get(`cameras/${this.camera}/name`) || this.camera;
      const sure = await confirmed({
        title: `Remove ${name}?`,
        text: "Its pictures end for everybody who watches it.",
        action: "Remove it",
      });
      if (!sure) return;
      write(part("error"), "");
      await this.remove(this.camera).catch((error) => write(part("error"), error.message));
    });
    return root;
  }
}

function lines(outputs) {
  return Object.entries(outputs ?? {}).map(([output, how]) => `${output}: ${how}`).join("\n") || "–";
}

/** The state of a camera, seen as on or off. */
function switchOf(store) {
  const isOn = (state) => state !== undefined && state !== "disabled";
  return {
    get: (name) => isOn(store.get(name)),
    watch: (name, watcher) => store.watch(name, (value) => watcher(name.endsWith("/state") ? isOn(value) : undefined)),
  };
}
