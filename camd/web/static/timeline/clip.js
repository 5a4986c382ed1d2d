import { bytes } from "../quantity.js";
import { partOf, write } from "../template.js";
import { fieldOf } from "./day.js";
import { bytesIn } from "./span.js";

const FIRST = 60_000; // a clip has this length until somebody chooses another
const HELD = 256e6; // more than so many bytes are not held in memory: the browser's own download takes them

/** A part of what was recorded, as one file to take along. */
export class Clip {
  /** records(camera): what there is. onchange(clip): {start, end}, or null. */
  constructor(root, records) {
    this.root = root;
    this.records = records;
    this.part = (name) => partOf(root, name);
    this.onchange = () => {};
    this.camera = null;
    this.moment = 0;
    this.sending = null;
    for (const name of ["from", "to"]) this.part(name).addEventListener("input", () => this.show());
    this.part("from-here").addEventListener("click", () => this.take("from"));
    this.part("to-here").addEventListener("click", () => this.take("to"));
    this.part("export").addEventListener("click", () => this.export());
    this.part("cancel").addEventListener("click", () => this.sending?.abort());
  }

  /** Where the cursor is: that is "here". */
  point(camera, moment) {
    this.moment = moment;
    if (camera === this.camera) return;
    this.camera = camera;
    this.show();
  }

  get range() {
    const [start, end] = ["from", "to"].map((name) => new Date(this.part(name).value).getTime());
    return end > start ? { start, end } : null;
  }

  take(name) {
    const here = Math.floor(this.moment / 1000) * 1000;
    const [from, to] = [this.part("from"), this.part("to")];
    this.part(name).value = fieldOf(here);
    const { range } = this;
    if (!range && name === "from") to.value = fieldOf(here + FIRST);
    if (!range && name === "to") from.value = fieldOf(here - FIRST);
    this.show();
  }

  show() {
    const { range } = this;
    const filled = this.part("from").value && this.part("to").value;
    this.part("export").disabled = !range || !this.camera || this.sending !== null;
    const size = range ? bytesIn(this.records(this.camera), range.start, range.end) : 0;
    this.size = size;
    this.say(range ? (size ? `About ${bytes(size)}.` : "Nothing is recorded then.") : filled ? "It ends before it begins." : "");
    this.onchange(range);
  }

  say(text, tone = "") {
    this.part("message").dataset.tone = tone;
    write(this.part("message"), text);
  }

  async export() {
    const { camera, range } = this;
    const place = new URLSearchParams({ camera, start: range.start, end: range.end });
    const address = `api/recordings/range?${place}`;
    const name = `${camera}-${fieldOf(range.start).replace(/[-:]/g, "").replace("T", "-")}.mp4`;
    if (this.size > HELD) {
      save(address, name);
      return this.say("Your browser fetches it.", "good");
    }
    this.sending = new AbortController();
    this.busy(true);
    try {
      const clip = await this.fetch(address);
      const url = URL.createObjectURL(clip);
      save(url, name);
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      this.say(`${name}, ${bytes(clip.size)}.`, "good");
    } catch (error) {
      this.say(error.name === "AbortError" ? "Cancelled." : error.message, "bad");
    }
    this.sending = null;
    this.busy(false);
  }

  /** A Promise of the whole, rejected with an Error whose text is the server's. */
  async fetch(address) {
    const { signal } = this.sending;
    const answer = await fetch(address, { signal, cache: "no-store" });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error?.message ?? `The server refused (${answer.status}).`);
    const pieces = [];
    let have = 0;
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(pieces, { type: "video/mp4" });
      pieces.push(value);
      have += value.length;
      this.part("progress").value = Math.min(0.99, have / Math.max(1, this.size));
      this.say(`${bytes(have)} of about ${bytes(this.size)}`);
    }
  }

  busy(busy) {
    this.part("export").disabled = busy || !this.range;
    this.part("cancel").hidden = this.part("progress").hidden = !busy;
    this.part("progress").value = 0;
  }
}

function save(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
