import { copyOf, write } from "../template.js";

/**
 * A list whose entries open and tell more: made when it is opened for the first time, and kept over
 * reloads, so that neither focus nor an unfinished form is lost.
 */
export class Entries {
  /**
   * keyOf(item); lineOf(item): {title, detail, note}, what stands in the closed entry; open(item, body):
   * fills the body and returns a function that shows a newer item there.
   */
  constructor(root, { keyOf, lineOf, open }) {
    this.root = root;
    this.keyOf = keyOf;
    this.lineOf = lineOf;
    this.open = open;
    this.entries = new Map(); // key -> {root, item, update}
  }

  show(items) {
    const keys = items.map(this.keyOf);
    for (const [key, entry] of this.entries) {
      if (keys.includes(key)) continue;
      entry.root.remove();
      this.entries.delete(key);
    }
    for (const [place, item] of items.entries()) {
      const key = keys[place];
      if (!this.entries.has(key)) this.entries.set(key, this.make());
      const entry = this.entries.get(key);
      entry.item = item;
      this.write(entry);
      entry.update?.(item);
      const there = this.root.children[place] ?? null;
      if (there !== entry.root) this.root.insertBefore(entry.root, there);
    }
  }

  make() {
    const { root, part } = copyOf("entry-template");
    const entry = { root, part, item: null, update: null };
    part("details").addEventListener("toggle", () => {
      if (part("details").open && !entry.update) entry.update = this.open(entry.item, part("body")) ?? (() => {});
    });
    return entry;
  }

  write({ part, item }) {
    const { title, detail, note = "", tone = "off" } = this.lineOf(item);
    write(part("title"), title);
    write(part("detail"), detail);
    part("note").dataset.tone = tone;
    write(part("note").firstElementChild, note);
  }
}
