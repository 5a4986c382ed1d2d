import { labelOf, plain } from "./label.js";
import { textOf } from "./quantity.js";
import { copyOf, light, write } from "./template.js";

/** What the daemon tells and nobody can set, as a list of terms and values that follows the state. */
export class Facts {
  /** render(element, value, entry, name): how a value is shown; label(name, entry): how it is called. */
  constructor(root, store, { render = asText, label = labelOf } = {}) {
    this.root = root;
    this.store = store;
    this.render = render;
    this.label = label;
    this.names = "";
    this.unwatch = [];
  }

  show(names) {
    const key = names.join();
    if (key === this.names) return;
    this.names = key;
    for (const end of this.unwatch.splice(0)) end();
    this.root.replaceChildren(...names.map((name) => this.fact(name)));
    this.root.hidden = names.length === 0;
  }

  fact(name) {
    const entry = this.store.schema[name] ?? {};
    const { root, part } = copyOf("fact-template");
    root.dataset.name = name;
    root.classList.toggle("long", entry.type === "json");
    if (entry.doc) root.title = plain(entry.doc);
    part("label").textContent = this.label(name, entry);
    this.unwatch.push(this.store.watch(name, (value) => this.render(part("value"), value, entry, name)));
    return root;
  }
}

function asText(element, value, entry) {
  write(element, textOf(value, entry));
}
