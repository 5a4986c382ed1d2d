import { copyOf, partOf, write } from "../template.js";
import { eventInWords } from "./event.js";
import { counted, exactly } from "./moment.js";

const MOST = 500; // more does not come; the file has the rest

/** The newest part of the audit log. */
export class Audit {
  constructor(root, { session }) {
    this.session = session;
    this.part = (name) => partOf(root, name);
    this.lines = []; // {root, kinds, text}
    for (const filter of ["search", "kind"]) this.part(filter).addEventListener("input", () => this.filter());
    this.part("refresh").addEventListener("click", () => this.show());
  }

  async show() {
    const { entries } = await this.session.ask("GET", `api/audit?limit=${MOST}`);
    this.lines = entries.reverse().map(lineOf);
    this.part("list").replaceChildren(...this.lines.map(({ root }) => root));
    this.filter();
  }

  filter() {
    const words = this.part("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = this.part("kind").value;
    let shown = 0;
    for (const { root, kinds, text } of this.lines) {
      const fits = (!kind || kinds.includes(kind)) && words.every((word) => text.includes(word));
      root.hidden = !fits;
      shown += Number(fits);
    }
    const all = counted(this.lines.length, "entry").replace("entrys", "entries");
    write(this.part("count"), shown === this.lines.length ? all : `${shown} of ${all}`);
  }
}

function lineOf(entry) {
  const { root, part } = copyOf("audit-template");
  const { what, kinds, detail } = eventInWords(entry);
  const time = exactly(Date.parse(entry.time));
  const who = [entry.by, entry.address].filter(Boolean).join(" · ");
  part("time").dateTime = entry.time;
  part("time").textContent = time;
  part("what").textContent = what;
  part("who").textContent = who;
  part("detail").textContent = detail;
  root.classList.toggle("refusal", kinds.includes("refusal"));
  return { root, kinds, text: [time, entry.event, what, who, detail].join(" ").toLowerCase() };
}
