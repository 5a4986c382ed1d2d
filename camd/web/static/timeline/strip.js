import { clockOf } from "./day.js";
import { isVideo, momentsOf, thumbnailOf } from "./span.js";
import { duration } from "../quantity.js";
import { copyOf, partOf, write } from "../template.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -5, PageDown: 5, Home: -Infinity, End: Infinity };

/** The recordings of one camera on a day as small pictures in a row; arrow keys lead from one to the next. */
export class Strip {
  /** onseek(moment): one was chosen. */
  constructor(root) {
    this.root = root;
    this.part = (name) => partOf(root, name);
    this.list = this.part("list");
    this.onseek = () => {};
    this.entries = new Map(); // id -> {root, part, record}
    this.current = null;
    this.list.addEventListener("keydown", (event) => this.step(event));
  }

  /** records: in the order of time. */
  show(records) {
    const shown = momentsOf(records);
    this.root.hidden = shown.length === 0;
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { root }] of this.entries) {
      if (ids.has(id)) continue;
      root.remove();
      this.entries.delete(id);
    }
    let before = null;
    for (const record of shown) {
      const entry = this.entries.get(record.id) ?? this.make(record);
      this.fill(entry, record);
      const place = before ? before.nextElementSibling : this.list.firstElementChild;
      if (place !== entry.root) this.list.insertBefore(entry.root, place);
      before = entry.root;
    }
    this.mark(this.current);
  }

  make(record) {
    const entry = copyOf("strip-template");
    const { part } = entry;
    part("go").addEventListener("click", () => this.onseek(entry.record.timestamp_start));
    part("image").addEventListener("error", () => (part("image").hidden = true));
    part("image").src = thumbnailOf(record);
    this.entries.set(record.id, entry);
    return entry;
  }

  fill(entry, record) {
    const { part } = entry;
    if (part("image").hidden && entry.record?.size !== record.size) { // there was none when it began
      part("image").hidden = false;
      part("image").src = thumbnailOf(record);
    }
    entry.record = record;
    write(part("time"), clockOf(record.timestamp_start));
    write(part("what"), [record.kind, ...(isVideo(record) ? [duration(record.duration)] : [])].join(", "));
    entry.root.dataset.kind = record.kind;
  }

  /** The record that is played, or null. */
  mark(record) {
    const moved = record?.id !== this.current?.id;
    this.current = record;
    const chosen = this.entries.get(record?.id) ?? null;
    const stop = chosen ?? [...this.entries.values()].at(-1);
    for (const entry of this.entries.values()) {
      entry.part("go").tabIndex = entry === stop ? 0 : -1;
      if (entry === chosen) entry.part("go").setAttribute("aria-current", "true");
      else entry.part("go").removeAttribute("aria-current");
    }
    if (moved && chosen && !this.list.matches(":hover, :focus-within")) this.reveal(chosen);
  }

  /** Scrolls the row, and never the page. */
  reveal({ root }) {
    this.list.scrollTo({ left: root.offsetLeft - (this.list.clientWidth - root.clientWidth) / 2 });
  }

  step(event) {
    const by = STEPS[event.key];
    const all = [...this.list.querySelectorAll("[data-part=go]")];
    const at = all.indexOf(document.activeElement);
    if (by === undefined || at < 0) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + by))];
    for (const button of all) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}
