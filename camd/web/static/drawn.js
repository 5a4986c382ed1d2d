/** A setting that is drawn on the picture: what it is now, and a button that begins. A field, as `slider.js` says. */
export class Drawn {
  constructor(entry, { id, label, name }) {
    this.held = false;
    this.onvalue = () => {};
    this.root = document.createElement("span");
    this.root.className = "drawn";
    this.told = document.createElement("output");
    this.input = document.createElement("button");
    this.input.type = "button";
    this.input.id = id;
    this.input.className = "button slim";
    this.input.textContent = "Draw";
    this.input.ariaLabel = `Draw ${label} on the picture`;
    this.root.append(this.told, this.input);
    this.input.addEventListener("click", () => {
      this.root.dispatchEvent(new CustomEvent("draw", { bubbles: true, detail: name }));
    });
  }

  show(value) {
    this.told.textContent = wording(value ?? []);
  }

  /** Whether a setting is such a one. */
  static suits(name, { type }) {
    return type === "json" && /\/(masks|zones|crop)$/.test(name);
  }
}

function wording(value) {
  if (typeof value[0] !== "number") return value.length === 0 ? "None" : value.length === 1 ? "1 area" : `${value.length} areas`;
  const [, , width, height] = value;
  return width === 1 && height === 1 ? "Whole" : `${Math.round(width * 100)} × ${Math.round(height * 100)} %`;
}
