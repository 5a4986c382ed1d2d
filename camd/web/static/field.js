import { Drawn } from "./drawn.js";
import { Figure, Slider, stepOf } from "./slider.js";

const MOST_STEPS = 20_000; // of a slider; a bitrate or the number of a port is typed

/** The fields other than sliders; what a field is, `slider.js` says. */

/** On or off. */
class Toggle {
  constructor(entry, { id }) {
    this.held = false;
    this.onvalue = () => {};
    this.root = this.input = document.createElement("input");
    this.input.type = "checkbox";
    this.input.setAttribute("role", "switch");
    this.input.id = id;
    this.input.className = "toggle";
    this.input.addEventListener("change", () => this.onvalue(this.input.checked));
  }

  show(value) {
    this.input.checked = value === true;
  }
}

/** One of several values; they may be numbers, so options bear their place in the list. */
class Choice {
  constructor(entry, { id }) {
    this.held = false;
    this.onvalue = () => {};
    this.choices = entry.choices;
    this.root = document.createElement("span");
    this.root.className = "choice";
    this.input = document.createElement("select");
    this.input.id = id;
    this.unknown = new Option("", "", false, true);
    this.unknown.hidden = true;
    this.input.append(this.unknown, ...entry.choices.map((choice, place) => new Option(wording(choice), place)));
    this.root.append(this.input);
    this.input.addEventListener("change", () => this.onvalue(this.choices[Number(this.input.value)]));
  }

  show(value) {
    const place = this.choices.indexOf(value);
    this.unknown.text = place < 0 ? String(value ?? "–") : "";
    this.input.value = place < 0 ? "" : String(place);
  }
}

/** Text, or JSON as text. It is sent when the field is left or Enter is pressed; Escape undoes. */
class Text {
  constructor(entry, { id }) {
    this.json = entry.type === "json";
    this.held = false;
    this.value = null;
    this.onvalue = () => {};
    this.onrelease = () => {};
    this.onmistake = () => {};
    this.root = this.input = document.createElement(this.json ? "textarea" : "input");
    this.input.id = id;
    this.input.className = "text";
    this.input.spellcheck = false;
    if (this.json) this.input.rows = 3;
    this.input.addEventListener("input", () => (this.held = true));
    this.input.addEventListener("change", () => this.commit());
    this.input.addEventListener("blur", () => this.release());
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.release();
    });
  }

  show(value) {
    this.value = value;
    if (this.held) return;
    const text = this.json ? JSON.stringify(value ?? null) : String(value ?? "");
    if (this.input.value !== text) this.input.value = text;
  }

  commit() {
    let value = this.input.value;
    if (this.json) {
      try {
        value = JSON.parse(value);
      } catch (error) {
        this.onmistake(`This is no JSON: ${error.message}`);
        return; // what was typed stays, to be mended
      }
    }
    this.held = false;
    this.onvalue(value);
  }

  release() {
    if (!this.held) return;
    this.held = false;
    this.onrelease();
  }
}

/** The field that suits a schema entry. */
export function fieldFor(entry, place) {
  if (place.name && Drawn.suits(place.name, entry)) return new Drawn(entry, place);
  if (entry.choices) return new Choice(entry, place);
  if (entry.type === "bool") return new Toggle(entry, place);
  if (entry.type === "int" || entry.type === "float") {
    return isFelt(entry) ? new Slider(entry, place) : new Figure(entry, place);
  }
  return new Text(entry, place);
}

/** A range that one can feel one's way in. */
function isFelt(entry) {
  const { min, max } = entry;
  return min !== undefined && max !== undefined && max > min && (max - min) / stepOf(entry) <= MOST_STEPS;
}

function wording(choice) {
  if (choice === "") return "–";
  return String(choice).replace(/^(\d+)x(\d+)$/, "$1 × $2");
}
