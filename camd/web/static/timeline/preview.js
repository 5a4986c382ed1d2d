import { recordAt, thumbnailOf } from "./span.js";
import { clockOf } from "./day.js";
import { partOf, write } from "../template.js";

const REACH = 60_000; // a picture that is kept stands for so long

/** A small picture over the timeline, of the moment that is pointed at. One is fetched at a time: the newest wish. */
export class Preview {
  /** records(camera): what there is, in the order of time. */
  constructor(root, records) {
    this.root = root;
    this.records = records;
    this.part = (name) => partOf(root, name);
    this.image = this.part("image");
    this.wish = ""; // what is to be seen
    this.loading = this.shown = null; // addresses
    this.image.addEventListener("load", () => this.settle(true));
    this.image.addEventListener("error", () => this.settle(false));
  }

  /** share: where in sight the moment is, 0 to 1; step: moments that are nearer to each other look the same. */
  show(camera, moment, share, step) {
    const record = recordAt(this.records(camera), moment, REACH);
    this.root.hidden = false;
    this.root.style.left = `${100 * share}%`;
    this.root.style.setProperty("--share", share);
    write(this.part("time"), record ? clockOf(moment) : `${clockOf(moment)}: nothing recorded`);
    this.wish = record ? thumbnailOf(record, moment, step) : "";
    if (!record) this.image.hidden = true;
    this.fetch();
  }

  hide() {
    this.root.hidden = true;
    this.wish = "";
  }

  fetch() {
    if (this.loading || !this.wish || this.wish === this.shown) {
      if (this.wish && this.wish === this.shown) this.image.hidden = false;
      return;
    }
    this.loading = this.wish;
    this.image.src = this.wish;
  }

  settle(there) {
    this.shown = there ? this.loading : null;
    if (!there && this.wish === this.loading) this.wish = ""; // asked for again when somebody points there again
    this.loading = null;
    this.image.hidden = !there || !this.wish;
    this.fetch();
  }
}
