import { partOf } from "../template.js";

/** A form that a button opens, for something new. */
export class Card {
  /** onopen(): called before it is shown. */
  constructor(button, form, onopen = () => {}) {
    this.button = button;
    this.form = form;
    this.onopen = onopen;
    button.addEventListener("click", () => (form.hidden ? this.open() : this.close()));
    partOf(form, "cancel").addEventListener("click", () => this.close());
  }

  open() {
    this.onopen();
    this.form.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.form.querySelector("input").focus();
  }

  /** Nothing of what was typed stays. */
  close() {
    const within = this.form.contains(document.activeElement);
    this.form.reset();
    this.form.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (within) this.button.focus();
  }
}
