import { fieldFor } from "./field.js";
import { groupOf, restOf } from "./group.js";
import { inactivity } from "./inactive.js";
import { helpOf, labelOf } from "./label.js";
import { Setter } from "./setter.js";
import { textOf } from "./quantity.js";
import { copyOf, write } from "./template.js";

/**
 * One setting: its label, a field that suits its type, a way back to the default, and the server's
 * words when it refuses. It shows what the server has, except while somebody is busy with the field
 * or a value of theirs is on its way.
 */
export class Control {
  /** send(name, value): a Promise, settled when the store has the answer. */
  constructor(name, entry, store, send) {
    this.name = name;
    this.entry = entry;
    this.store = store;
    const { root, part } = copyOf("control-template");
    this.root = root;
    this.part = part;
    const id = `set/${name}`;
    const label = labelOf(name, entry);
    this.help = helpOf(name, entry);
    root.dataset.name = name;
    root.dataset.kind = entry.choices ? "choice" : entry.type;
    part("label").textContent = label;
    part("label").htmlFor = id;
    if (entry.unit && entry.unit !== "px") part("label").append(unitOf(entry));

    // Every change of the stream opens the device anew: not thirty times a second.
    this.field = fieldFor(entry, { id, label, name, lazy: groupOf(restOf(name)) === "Stream" });
    part("field").append(this.field.root);
    part("help").id = `${id}/help`;
    part("error").id = `${id}/error`;
    write(part("help"), this.help);
    this.field.input.setAttribute("aria-describedby", `${id}/help ${id}/error`);

    this.setter = new Setter((value) => send(name, value));
    this.setter.onsettled = (error) => {
      this.complain(error && !error.broken ? error.message : "");
      this.settle();
    };
    this.field.onvalue = (value) => this.setter.set(value);
    this.field.onrelease = () => this.settle();
    this.field.onmistake = (text) => this.complain(text);

    this.resettable = "default" in entry && entry.default !== null;
    part("reset").addEventListener("click", () => {
      this.setter.set(entry.default);
      this.field.input.focus(); // the button is about to vanish from under the focus
    });
    write(part("reset-label"), `Reset ${label} to ${textOf(entry.default, entry)}`);
    part("reset").title = `Reset to ${textOf(entry.default, entry)}`;
    const watched = `${name.slice(0, name.length - restOf(name).length)}inactive`;
    this.unwatch = [
      store.watch(name, () => this.settle()),
      store.watch(watched, (inactive) => this.disable(inactivity(name, inactive, store.schema ?? {}))),
    ];
  }

  /** why: it has no effect now; "" if it has. */
  disable(why) {
    for (const input of this.root.querySelectorAll("input, select, button, textarea")) input.disabled = why !== "";
    this.root.classList.toggle("inactive", why !== "");
    write(this.part("help"), why || this.help);
  }

  settle() {
    const value = this.store.get(this.name);
    if (this.setter.idle) this.field.show(value);
    const away = this.resettable && value !== undefined && value !== null && !isSame(value, this.entry.default);
    this.part("reset").classList.toggle("vacant", !away);
  }

  complain(text) {
    write(this.part("error"), text);
    this.root.classList.toggle("refused", text !== "");
    this.field.input.setAttribute("aria-invalid", String(text !== ""));
  }

  close() {
    for (const end of this.unwatch) end();
    this.root.remove();
  }
}

function isSame(one, other) {
  return one === other || (typeof one === "object" && JSON.stringify(one) === JSON.stringify(other));
}

function unitOf({ unit }) {
  const element = document.createElement("span");
  element.className = "unit";
  element.textContent = `in ${unit}`;
  return element;
}
