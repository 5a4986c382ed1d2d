/**
 * A number within a range: a slider to feel one's way, and the figure beside it to type an exact one.
 *
 * A field is {root, input, held, show(value), onvalue, onrelease}: root goes into the control, input
 * bears its label, held means that a finger or an unfinished text is on it. lazy: tell the value when
 * the finger leaves, not all the way.
 */
export class Slider {
  constructor(entry, { id, label, lazy = false }) {
    const { min, max, default: standard, unit = "" } = entry;
    this.entry = entry;
    this.held = false;
    this.onvalue = () => {};
    this.onrelease = () => {};

    this.input = range(entry, id);
    this.figure = new Figure(entry, { label: `${label}, value` });
    this.figure.onvalue = (value) => this.onvalue(value);
    this.figure.onrelease = () => this.onrelease();
    this.root = document.createElement("div");
    this.root.className = "slider";
    this.root.append(this.input, this.figure.root);
    if (unit) this.input.dataset.unit = unit;

    // A range around zero fills from zero, so that the eye sees plus and minus.
    this.origin = min < 0 && max > 0 ? 0 : min;
    if (typeof standard === "number" && standard > min && standard < max) {
      this.input.style.setProperty("--notch", this.share(standard));
      this.input.classList.add("notched");
    }
    this.input.addEventListener("pointerdown", () => (this.held = true));
    for (const end of ["pointerup", "pointercancel", "change", "blur"]) {
      this.input.addEventListener(end, () => this.release());
    }
    this.input.addEventListener("input", () => {
      const value = this.input.valueAsNumber;
      this.fill(value);
      this.figure.show(value);
      if (!lazy) this.commit();
    });
  }

  show(value) {
    if (this.held || this.figure.held) return;
    this.figure.show(value);
    const known = typeof value === "number";
    this.input.classList.toggle("unknown", !known);
    this.input.value = known ? value : this.origin;
    this.sent = this.input.valueAsNumber;
    this.fill(known ? value : this.origin);
  }

  commit() {
    const value = this.input.valueAsNumber;
    if (value === this.sent) return;
    this.sent = value;
    this.onvalue(value);
  }

  release() {
    this.commit(); // first, or the release would show the old value again
    if (!this.held) return;
    this.held = false;
    this.onrelease();
  }

  share(value) {
    const { min, max } = this.entry;
    return Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
  }

  fill(value) {
    const [from, to] = [this.share(this.origin), this.share(value)].sort((one, other) => one - other);
    this.input.style.setProperty("--from", from);
    this.input.style.setProperty("--to", to);
    if (this.input.dataset.unit) this.input.setAttribute("aria-valuetext", `${value} ${this.input.dataset.unit}`);
  }
}

/** A number to type, with its unit; the whole field of a setting without a range. */
export class Figure {
  constructor(entry, { id, label }) {
    this.entry = entry;
    this.held = false;
    this.onvalue = () => {};
    this.onrelease = () => {};
    this.input = document.createElement("input");
    this.input.type = "number";
    this.input.className = "figure figures";
    this.input.inputMode = entry.min < 0 ? "text" : entry.type === "int" ? "numeric" : "decimal";
    this.input.step = entry.type === "int" ? String(entry.step ?? 1) : "any";
    if (entry.min !== undefined) this.input.min = entry.min;
    if (entry.max !== undefined) this.input.max = entry.max;
    if (id) this.input.id = id;
    else this.input.setAttribute("aria-label", label);
    this.root = this.input;
    this.input.addEventListener("input", () => (this.held = true));
    this.input.addEventListener("change", () => this.commit());
    this.input.addEventListener("blur", () => this.release());
    this.input.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.release();
    });
  }

  show(value) {
    if (this.held) return;
    const text = typeof value === "number" ? String(Number(value.toFixed(3))) : "";
    if (this.input.value !== text) this.input.value = text;
  }

  commit() {
    const value = this.input.valueAsNumber;
    this.held = false;
    if (Number.isNaN(value)) this.onrelease();
    else this.onvalue(value);
  }

  release() {
    this.held = false;
    this.onrelease();
  }
}

function range(entry, id) {
  const input = document.createElement("input");
  input.type = "range";
  input.id = id;
  input.min = entry.min;
  input.max = entry.max;
  input.step = stepOf(entry);
  return input;
}

/** The step of a slider: the setting's own, else a hundredth of the range or finer, a power of ten. */
export function stepOf({ type, min, max, step }) {
  if (step) return step;
  if (type === "int") return 1;
  return 10 ** Math.floor(Math.log10((max - min) / 100 || 1));
}
