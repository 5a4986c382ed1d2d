import { bytes } from "../quantity.js";
import { partOf, write } from "../template.js";

const FACTS = ["used", "free", "days_left", "state", "reason"];

/** How much room recordings have, and for how long. */
export class Room {
  constructor(root, store) {
    this.root = root;
    this.store = store;
    this.part = (name) => partOf(root, name);
    for (const fact of FACTS) store.watch(`storage/${fact}`, () => this.look());
    store.watchShape(() => this.look());
  }

  look() {
    const { store } = this;
    const [used, free, days, state, reason] = FACTS.map((fact) => store.get(`storage/${fact}`));
    this.root.hidden = used == null || free == null; // not everybody may know
    if (this.root.hidden) return;
    this.part("meter").max = Math.max(1, used + free);
    this.part("meter").value = used;
    write(this.part("used"), bytes(used));
    write(this.part("free"), bytes(free));
    write(this.part("days"), days == null ? "–" : days >= 1 ? `about ${Math.floor(days)}` : "less than one");
    write(this.part("reason"), state === "blocked" ? reason || "Nothing can be recorded." : "");
  }
}
