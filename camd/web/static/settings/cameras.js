import { copyOf } from "../template.js";

let count = 0;

/** Chooses cameras: all of them, or some. */
export class CameraChoice {
  /** cameras: [{id, name}], those that there are; without any there is nothing to choose. */
  constructor(cameras) {
    const { root, part } = copyOf("cameras-template");
    this.root = root;
    this.list = part("list");
    this.all = part("all");
    this.some = part("some");
    this.names = new Map(cameras.map(({ id, name }) => [id, name]));
    this.all.name = this.some.name = `cameras/${++count}`;
    for (const choice of [this.all, this.some]) choice.addEventListener("change", () => this.follow());
    this.show(null);
  }

  /** chosen: ids, null for all. One that is not there now stays in the list. */
  show(chosen) {
    this.all.checked = chosen === null;
    this.some.checked = chosen !== null;
    const ids = [...new Set([...this.names.keys(), ...(chosen ?? [])])];
    this.list.replaceChildren(...ids.map((id) => this.item(id, chosen?.includes(id) ?? false)));
    this.root.hidden = ids.length === 0;
    this.follow();
  }

  follow() {
    this.list.hidden = this.all.checked;
  }

  item(id, checked) {
    const { root, part } = copyOf("camera-template");
    part("box").value = id;
    part("box").checked = checked;
    part("name").textContent = this.names.get(id) ?? id;
    if (!this.names.has(id)) part("name").append(" (not there now)");
    return root;
  }

  /** The ids chosen, null for all. */
  get value() {
    return this.all.checked ? null : [...this.list.querySelectorAll(":checked")].map(({ value }) => value);
  }
}

/** "All cameras", "Workshop and Front door" */
export function camerasInWords(chosen, cameras) {
  if (chosen === null) return "All cameras";
  if (!chosen.length) return "No camera";
  const names = new Map(cameras.map(({ id, name }) => [id, name]));
  return chosen.map((id) => names.get(id) ?? id).join(", ");
}
