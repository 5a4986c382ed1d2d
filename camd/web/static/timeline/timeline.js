import { clockOf, marksOf, stepOf } from "./day.js";
import { Row } from "./row.js";
import { Scale } from "./scale.js";
import { partOf, write } from "../template.js";

const STEP = 10_000; // of an arrow key
const STEPS = { ArrowLeft: -STEP, ArrowRight: STEP, PageDown: -360 * STEP, PageUp: 360 * STEP };
const MARK_WIDTH = 72; // pixels that the text of a mark needs
const ZOOM = 2;
const FINE = 4; // pixels that nobody points between

/**
 * One day of all cameras: a row for each, and a cursor over all of them. It is a slider: arrows move by ten seconds,
 * with Shift by a minute. A click or a drag on a row chooses its camera, too; the wheel with Ctrl zooms.
 */
export class Timeline {
  /**
   * onseek(camera, moment, done): somebody chose a moment; done: false while they drag. onpoint(camera, moment, share,
   * step): somebody points at one without choosing it, or drags; share: where in sight it is; step: what a few pixels
   * are, in milliseconds. onpoint(null): they do no longer.
   */
  constructor(root, archive) {
    this.root = root;
    this.archive = archive;
    this.part = (name) => partOf(root, name);
    this.onseek = () => {};
    this.onpoint = () => {};
    this.rows = new Map(); // camera -> Row
    this.scale = null;
    this.camera = null;
    this.moment = 0;
    this.clip = null; // {start, end}
    const body = this.part("body");
    body.addEventListener("pointerdown", (event) => this.press(event));
    body.addEventListener("pointermove", (event) => this.pull(event));
    body.addEventListener("pointerup", (event) => this.letGo(event));
    body.addEventListener("pointercancel", () => this.leave());
    body.addEventListener("pointerleave", () => this.held || this.leave());
    body.addEventListener("keydown", (event) => this.step(event));
    body.addEventListener("wheel", (event) => this.roll(event), { passive: false });
    this.part("closer").addEventListener("click", () => this.zoom(ZOOM));
    this.part("wider").addEventListener("click", () => this.zoom(1 / ZOOM));
    new ResizeObserver(() => this.draw()).observe(body);
  }

  /** cameras: [{id, name}]. */
  show(cameras) {
    for (const [id, row] of this.rows) {
      if (cameras.some((camera) => camera.id === id)) continue;
      row.root.remove();
      this.rows.delete(id);
    }
    for (const { id, name } of cameras) {
      if (!this.rows.has(id)) this.rows.set(id, new Row(id));
      this.rows.get(id).name(name);
      this.part("rows").append(this.rows.get(id).root);
    }
    this.draw();
  }

  open(day) {
    this.scale = new Scale(day);
    this.draw();
  }

  /** Where the cursor is. */
  point(camera, moment) {
    this.camera = camera;
    this.moment = moment;
    if (!this.held && this.scale && moment >= this.scale.day.start && moment < this.scale.day.end) {
      const before = this.scale.from;
      this.scale.reveal(moment);
      if (before !== this.scale.from) this.draw();
    }
    this.place();
  }

  select(clip) {
    this.clip = clip;
    this.place();
  }

  draw() {
    const { scale, archive } = this;
    const width = this.part("axis").clientWidth;
    if (!scale || !width) return;
    this.part("axis").replaceChildren(...marksOf(scale, width / MARK_WIDTH).map(({ at, text }) => {
      const mark = document.createElement("span");
      mark.className = "hour";
      mark.style.left = `${100 * scale.shareOf(at)}%`;
      mark.textContent = text;
      return mark;
    }));
    for (const [camera, row] of this.rows) {
      row.draw(scale, { records: archive.of(camera), gaps: archive.gapsOf(camera), tags: archive.tagsOf(camera) });
    }
    this.part("wider").disabled = scale.isWhole;
    this.place();
  }

  place() {
    const { scale, moment, clip } = this;
    if (!scale) return;
    const body = this.part("body");
    body.setAttribute("aria-valuemin", String(scale.day.start));
    body.setAttribute("aria-valuemax", String(scale.day.end));
    body.setAttribute("aria-valuenow", String(moment));
    body.setAttribute("aria-valuetext", clockOf(moment));
    const cursor = this.part("cursor");
    cursor.hidden = moment < scale.from || moment > scale.to;
    cursor.style.left = `${100 * scale.shareOf(moment)}%`;
    cursor.style.setProperty("--share", scale.shareOf(moment));
    const band = this.part("clip");
    band.hidden = !clip || clip.end < scale.from || clip.start > scale.to;
    if (!band.hidden) {
      const left = Math.max(0, scale.shareOf(clip.start));
      band.style.left = `${100 * left}%`;
      band.style.width = `${100 * (Math.min(1, scale.shareOf(clip.end)) - left)}%`;
    }
    for (const [camera, row] of this.rows) row.mark(camera === this.camera);
    write(this.part("place"), clockOf(moment));
  }

  zoom(factor, around = this.moment) {
    if (!this.scale) return;
    const { from, to } = this.scale;
    this.scale.zoom(factor, around >= from && around <= to ? around : (from + to) / 2);
    this.draw();
  }

  shareAt({ clientX }) {
    const box = this.part("over").getBoundingClientRect();
    return (clientX - box.left) / box.width;
  }

  press(event) {
    if (!this.scale || event.button !== 0) return;
    const row = event.target.closest("[data-camera]");
    this.held = { camera: row?.dataset.camera ?? this.camera, pointer: event.pointerId };
    this.part("body").setPointerCapture(event.pointerId);
    this.seek(event, false);
  }

  pull(event) {
    if (this.held?.pointer === event.pointerId) this.seek(event, false);
    else if (!this.held && this.scale && event.pointerType === "mouse") this.hint(event);
  }

  hint(event, camera = event.target.closest?.("[data-camera]")?.dataset.camera) {
    const share = this.shareAt(event);
    if (!camera || share < 0 || share > 1) return this.onpoint(null);
    const pixel = this.scale.length / Math.max(1, this.part("axis").clientWidth);
    this.onpoint(camera, this.scale.momentAt(share), share, stepOf(pixel * FINE));
  }

  leave() {
    this.held = null;
    this.onpoint(null);
  }

  letGo(event) {
    if (this.held?.pointer !== event.pointerId) return;
    const { camera } = this.held;
    this.leave();
    this.onseek(camera, this.scale.momentAt(this.shareAt(event)), true);
  }

  seek(event, done) {
    this.hint(event, this.held.camera);
    this.onseek(this.held.camera, this.scale.momentAt(this.shareAt(event)), done);
  }

  step(event) {
    const by = STEPS[event.key];
    const cameras = [...this.rows.keys()];
    if (by && this.scale) this.jump(this.camera, this.moment + by * (event.shiftKey ? 6 : 1));
    else if (event.key === "Home") this.jump(this.camera, this.scale.day.start);
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const other = cameras[cameras.indexOf(this.camera) + (event.key === "ArrowUp" ? -1 : 1)];
      if (other) this.jump(other, this.moment);
    } else return;
    event.preventDefault();
  }

  jump(camera, moment) {
    const { start, end } = this.scale.day;
    this.onseek(camera, Math.min(end - 1, Math.max(start, moment)), true);
  }

  roll(event) {
    if (!this.scale) return;
    if (event.ctrlKey) this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.scale.momentAt(this.shareAt(event)));
    else if (event.deltaX || event.shiftKey) {
      this.scale.move((event.deltaX || event.deltaY) / this.part("axis").clientWidth);
      this.draw();
    } else return;
    event.preventDefault();
  }
}
