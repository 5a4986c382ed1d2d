import { copyOf, partOf, write } from "../template.js";
import { clockOf } from "./day.js";

/** Moments that somebody marked; what has one is kept. */
export class Tags {
  /** ask: as of Session; onseek(moment); onchange(): there are others now, a Promise. */
  constructor(root, ask) {
    this.root = root;
    this.ask = ask;
    this.part = (name) => partOf(root, name);
    this.onseek = () => {};
    this.onchange = async () => {};
    this.camera = null;
    this.moment = 0;
    this.shape = "";
    this.part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
  }

  point(camera, moment) {
    this.camera = camera;
    this.moment = moment;
  }

  /** tags: as the server lists them; mayChange: whether whoever sits here may make some. */
  show(tags, mayChange) {
    this.part("form").hidden = !mayChange;
    this.part("nothing").hidden = tags.length > 0;
    const shape = JSON.stringify([tags, mayChange]);
    if (shape === this.shape) return; // somebody may be about to press one
    this.shape = shape;
    this.part("list").replaceChildren(...tags.map((tag) => this.entry(tag, mayChange)));
  }

  entry({ id, timestamp, title }, mayChange) {
    const { root, part } = copyOf("tag-template");
    write(part("time"), clockOf(timestamp));
    write(part("title"), title);
    part("go").addEventListener("click", () => this.onseek(timestamp));
    part("remove").hidden = !mayChange;
    write(part("remove-label"), `Take the tag ${title} away`);
    part("remove").addEventListener("click", () => this.change("DELETE", `api/recordings/tags/${id}`));
    return root;
  }

  async add() {
    const title = this.part("title").value.trim();
    if (!title || !this.camera) return;
    const tag = { title, camera: this.camera, timestamp: Math.round(this.moment) };
    if (await this.change("POST", "api/recordings/tags", tag)) this.part("form").reset();
  }

  async change(...request) {
    write(this.part("error"), "");
    try {
      await this.ask(...request);
      await this.onchange();
      return true;
    } catch (error) {
      write(this.part("error"), error.message);
      return false;
    }
  }
}
