import { confirmed } from "../confirm.js";
import { bytes, duration } from "../quantity.js";
import { partOf, write } from "../template.js";
import { clockOf } from "./day.js";

/** The file that is shown: what it is, to take along or to delete. */
export class Piece {
  /** ask: as of Session. ondelete(id). */
  constructor(root, ask) {
    this.root = root;
    this.ask = ask;
    this.part = (name) => partOf(root, name);
    this.ondelete = () => {};
    this.record = null;
    this.part("delete").addEventListener("click", () => this.delete());
  }

  show(record, mayDelete) {
    this.root.hidden = record === null;
    this.part("delete").hidden = !mayDelete || record?.state === "recording";
    if (record === this.record || record === null) return;
    this.record = record;
    write(this.part("error"), "");
    write(this.part("name"), [
      `${clockOf(record.timestamp_start)} to ${clockOf(record.timestamp_end)}`, duration(record.duration), record.kind,
      record.resolution.replace("x", " × "), bytes(record.size), ...(record.tag_markers ? ["kept"] : []),
      ...(record.state === "ready" ? [] : [record.state]),
    ].filter(Boolean).join(" · "));
    this.part("download").href = `api/recordings/${record.id}`;
    this.part("download").download = record.filename.replaceAll("/", "-");
  }

  async delete() {
    const { record } = this;
    const sure = await confirmed({
      title: "Delete this recording?",
      text: record.tag_markers ? "It has a tag, so somebody wanted to keep it." : "It cannot be brought back.",
      action: "Delete",
    });
    if (!sure) return;
    try {
      await this.ask("DELETE", `api/recordings/${record.id}`);
      this.ondelete(record.id);
    } catch (error) {
      write(this.part("error"), error.message);
    }
  }
}
