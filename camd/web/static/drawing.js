import { corners, fresh, grown, LEAST_POINTS, middle, moved, shifted, shrunk, stretched } from "./shape.js";
import { copyOf, write } from "./template.js";
import { toPicture, toScene } from "./view.js";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.01; // of the picture, for each press of an arrow
const REACH = matchMedia("(pointer: coarse)").matches ? 15 : 9; // radius of a point, CSS pixels
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HINT = "Drag points or areas. A point between two makes another one; Delete or a double click takes one away.";

/**
 * Areas, or the one part that is kept, drawn on the picture. Nothing counts before it is saved. All of it works by
 * keyboard: points are reached by Tab, moved by arrows.
 */
export class Drawing {
  /**
   * task: {title, value, rectangle, most, save(value): Promise, whole}: value are polygons of the scene, or [x, y, width,
   * height] with rectangle. view(): the part of the scene that is shown; size(): of the picture, in pixels.
   */
  constructor(frame, bar, task, { view, size }) {
    this.frame = frame;
    this.bar = bar;
    this.task = task;
    this.view = view;
    this.size = size;
    this.areas = task.rectangle ? [corners(task.value)] : task.value.map((points) => points.map(([x, y]) => [x, y]));
    this.selected = this.areas.length ? 0 : -1;
    this.held = null; // what is dragged: {area, from}, and {place, start} if it is a point
    this.onclose = () => {};
    this.element = document.createElementNS(SVG, "svg");
    this.element.classList.add("drawing");
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", task.title);
    this.element.addEventListener("pointerdown", (event) => this.grasp(event));
    this.element.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) this.element.addEventListener(end, () => this.release());
    this.element.addEventListener("dblclick", ({ target }) => this.remove(target));
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("focusin", ({ target }) => this.select(target));
    frame.append(this.element);
    this.open();
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(frame);
    this.draw();
  }

  open() {
    const { root, part } = copyOf("drawing-template");
    this.part = part;
    write(part("title"), this.task.title);
    write(part("hint"), this.task.rectangle ? "Drag the corners, or the whole." : HINT);
    part("add").hidden = part("remove").hidden = Boolean(this.task.rectangle);
    part("whole").hidden = !this.task.rectangle;
    part("add").addEventListener("click", () => this.add());
    part("remove").addEventListener("click", () => this.removeArea());
    part("whole").addEventListener("click", () => this.change(0, corners([0, 0, 1, 1])));
    part("save").addEventListener("click", () => this.save());
    part("cancel").addEventListener("click", () => this.close());
    root.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    this.bar.replaceChildren(root);
    this.bar.hidden = false;
    (this.task.rectangle ? part("whole") : part("add")).focus();
    this.bar.scrollIntoView({ block: "nearest" });
  }

  // -- what it looks like

  /** Everything anew; the focus stays where it was. */
  draw() {
    const [width, height] = this.size();
    if (!width) return;
    this.element.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = 1 / (this.element.getScreenCTM()?.a || 1);
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const view = this.view();
    const at = (point) => toPicture(point, view).map((share, axis) => share * [width, height][axis]);
    const shapes = this.areas.flatMap((points, area) => [
      polygon(points.map(at), { area, selected: area === this.selected }),
      ...(area === this.selected ? this.handles(points, area, at, scale) : []),
    ]);
    this.element.replaceChildren(...shapes);
    if (focused) this.element.querySelector(`[data-key="${focused}"]`)?.focus();
    this.part("add").disabled = this.areas.length >= this.task.most;
    this.part("remove").disabled = this.selected < 0;
  }

  handles(points, area, at, scale) {
    const between = this.task.rectangle ? [] : points.map((_, place) => (
      handle(at(middle(points, place)), { area, place, scale, between: true })
    ));
    const seen = (point) => inside(at(point), this.size(), REACH * scale);
    return [...between, ...points.map((point, place) => handle(seen(point), { area, place, scale }))];
  }

  // -- what is done to it

  change(area, points) {
    this.areas = this.areas.map((one, index) => (index === area ? points : one));
    this.say("");
    this.draw();
  }

  movePoint(area, place, to) {
    const points = this.areas[area];
    this.change(area, this.task.rectangle ? stretched(points, place, to) : moved(points, place, to));
  }

  add() {
    const view = this.view();
    this.areas = [...this.areas, fresh(this.areas.length).map((point) => toScene(point, view))];
    this.selected = this.areas.length - 1;
    this.draw();
    this.element.querySelector(`[data-key="${this.selected}/0"]`)?.focus();
  }

  removeArea() {
    this.areas = this.areas.filter((_, area) => area !== this.selected);
    this.selected = this.areas.length - 1;
    this.draw();
  }

  select(target) {
    const { area, between } = target.dataset;
    if (area === undefined || between !== undefined || Number(area) === this.selected) return;
    this.selected = Number(area);
    this.draw();
  }

  /** A point that is too much takes its area along. */
  remove(target) {
    const { area, place, between } = target.dataset;
    if (place === undefined || between !== undefined || this.task.rectangle) return;
    const points = this.areas[area];
    if (points.length > LEAST_POINTS) this.change(Number(area), shrunk(points, Number(place)));
    else this.removeArea();
  }

  /** The pointer's place in the scene. */
  where({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.element.getScreenCTM().inverse());
    const [width, height] = this.size();
    return toScene([x / width, y / height], this.view());
  }

  grasp(event) {
    const { area, place, between } = event.target.dataset;
    if (area === undefined) return;
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    this.selected = Number(area);
    const from = this.where(event);
    if (between !== undefined) {
      this.change(this.selected, grown(this.areas[this.selected], Number(place)));
      this.held = { area: this.selected, place: Number(place) + 1, from };
    } else {
      this.held = { area: this.selected, place: place === undefined ? undefined : Number(place), from };
      this.draw();
    }
    if (place !== undefined) this.held.start = this.areas[this.selected][this.held.place];
    this.element.querySelector(`[data-key="${this.selected}${place === undefined ? "" : `/${this.held.place}`}"]`)?.focus();
  }

  drag(event) {
    if (!this.held) return;
    const { area, place, from, start } = this.held;
    const to = this.where(event);
    const by = [to[0] - from[0], to[1] - from[1]];
    if (place !== undefined) return this.movePoint(area, place, start.map((one, axis) => one + by[axis]));
    this.change(area, shifted(this.areas[area], by));
    this.held.from = to;
  }

  release() {
    this.held = null;
  }

  press(event) {
    const { area, place, between } = event.target.dataset;
    const arrow = ARROWS[event.key];
    if (event.key === "Escape") return this.close();
    if (area === undefined) return;
    if (between !== undefined) {
      if (event.key !== "Enter" && event.key !== " ") return;
      this.change(Number(area), grown(this.areas[area], Number(place)));
      this.element.querySelector(`[data-key="${area}/${Number(place) + 1}"]`)?.focus();
    } else if (arrow) {
      const by = arrow.map((one) => one * STEP * (event.shiftKey ? 5 : 1));
      const points = this.areas[area];
      if (place === undefined) this.change(Number(area), shifted(points, by));
      else this.movePoint(Number(area), Number(place), points[place].map((one, axis) => one + by[axis]));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      if (place === undefined) this.removeArea();
      else this.remove(event.target);
    } else {
      return;
    }
    event.preventDefault();
  }

  // -- how it ends

  say(text) {
    write(this.part("error"), text);
  }

  async save() {
    const [[[left, top], , [right, bottom]] = []] = this.task.rectangle ? this.areas : [[[], [], []]];
    const value = this.task.rectangle ? [left, top, right - left, bottom - top].map(exact) : this.areas;
    this.part("save").disabled = true;
    try {
      await this.task.save(value);
      this.close();
    } catch (error) {
      this.say(error.message);
      this.part("save").disabled = false;
    }
  }

  close() {
    if (!this.element.isConnected) return;
    this.sizes.disconnect();
    this.element.remove();
    this.bar.replaceChildren();
    this.bar.hidden = true;
    this.onclose();
  }
}

function exact(value) {
  return Math.round(value * 10_000) / 10_000;
}

/** A point on the edge is shown so far within that it can be taken hold of. */
function inside(point, size, reach) {
  return point.map((one, axis) => {
    const isEdge = Math.abs(one) < 1 || Math.abs(one - size[axis]) < 1;
    return isEdge ? Math.min(size[axis] - reach, Math.max(reach, one)) : one;
  });
}

function polygon(points, { area, selected }) {
  const element = document.createElementNS(SVG, "polygon");
  element.setAttribute("points", points.map((point) => point.join()).join(" "));
  element.setAttribute("class", selected ? "area selected" : "area");
  return focusable(element, { area, key: `${area}` }, `Area ${area + 1}`);
}

function handle([x, y], { area, place, scale, between = false }) {
  const element = document.createElementNS(SVG, "circle");
  element.setAttribute("cx", x);
  element.setAttribute("cy", y);
  element.setAttribute("r", (between ? REACH * 0.6 : REACH) * scale);
  element.setAttribute("class", between ? "between" : "point");
  if (between) return focusable(element, { area, place, between: "", key: `${area}+${place}` }, `New point after point ${place + 1}`);
  return focusable(element, { area, place, key: `${area}/${place}` }, `Area ${area + 1}, point ${place + 1}`);
}

function focusable(element, data, label) {
  Object.assign(element.dataset, data);
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "button");
  element.setAttribute("aria-label", label);
  return element;
}
