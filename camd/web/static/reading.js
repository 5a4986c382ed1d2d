import { helpOf, labelOf } from "./label.js";
import { textOf } from "./quantity.js";
import { copyOf, write } from "./template.js";

/** One setting for those who may see but not change it: its label and its value. */
export class Reading {
  constructor(name, entry, store) {
    const { root, part } = copyOf("reading-template");
    this.root = root;
    root.dataset.name = name;
    write(part("label"), labelOf(name, entry));
    write(part("help"), helpOf(name, entry));
    this.unwatch = store.watch(name, (value) => write(part("value"), wording(value, entry)));
  }

  close() {
    this.unwatch();
    this.root.remove();
  }
}

function wording(value, entry) {
  if (typeof value === "boolean") return value ? "On" : "Off";
  return textOf(value, entry).replace(/^(\d+)x(\d+)$/, "$1 × $2");
}
