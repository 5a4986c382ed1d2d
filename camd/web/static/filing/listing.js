import { bytes } from "../quantity.js";
import { copyOf, write } from "../template.js";
import { escaped, within } from "./name.js";

/** What is in a folder, and what of it is chosen. */
export class Listing {
  /** all: the box that chooses everything. onchoose(paths): other ones are chosen. */
  constructor(root, all) {
    this.root = root;
    this.all = all;
    this.folder = "/";
    this.entries = [];
    this.chosen = new Set(); // paths
    this.onchoose = () => {};
    all.addEventListener("change", () => {
      this.chosen = new Set(all.checked ? this.entries.map(({ name }) => within(this.folder, name)) : []);
      this.mark();
    });
  }

  /** What is chosen stays so as long as it is there. */
  show(folder, entries) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.id : "";
    this.folder = folder;
    this.entries = entries;
    const paths = entries.map(({ name }) => within(folder, name));
    this.chosen = new Set([...this.chosen].filter((path) => paths.includes(path)));
    this.root.replaceChildren(...entries.map((entry, place) => this.row(entry, paths[place])));
    this.mark();
    if (focused) document.getElementById(focused)?.focus();
  }

  row({ name, size, modified, type }, path) {
    const { root, part } = copyOf("entry-template");
    const isFolder = type === "directory";
    root.dataset.path = path;
    part("icon").dataset.icon = isFolder ? "folder" : "file";
    write(part("name"), name);
    part("name").id = `open/${path}`;
    part("name").href = isFolder ? `#${escaped(path)}` : `files${escaped(path)}`;
    write(part("size"), isFolder ? "" : bytes(size));
    write(part("changed"), new Date(modified).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
    const zip = `api/files/zip?${new URLSearchParams({ path })}`;
    part("download").href = isFolder ? zip : `files${escaped(path)}`;
    part("download").id = `download/${path}`;
    write(part("download-label"), `Download ${name}`);
    part("check").id = `choose/${path}`;
    part("check").setAttribute("aria-label", `Choose ${name}`);
    part("check").addEventListener("change", ({ target }) => {
      if (target.checked) this.chosen.add(path);
      else this.chosen.delete(path);
      this.mark();
    });
    return root;
  }

  mark() {
    for (const row of this.root.rows) row.querySelector("input").checked = this.chosen.has(row.dataset.path);
    this.all.disabled = this.entries.length === 0;
    this.all.checked = this.entries.length > 0 && this.chosen.size === this.entries.length;
    this.all.indeterminate = this.chosen.size > 0 && !this.all.checked;
    this.onchoose([...this.chosen]);
  }
}
