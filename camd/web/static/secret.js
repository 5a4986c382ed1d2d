import { fulfilled, RULES } from "./password.js";
import { partOf, write } from "./template.js";

/**
 * A field for a password: a button shows what was typed, which spares typing it twice; where a new
 * one is chosen, the rules stand below and are ticked off.
 */
export class Secret {
  /** root: the field's element with its input, a button "show" and perhaps a list "rules". */
  constructor(root) {
    this.input = root.querySelector("input");
    this.button = partOf(root, "show");
    this.rules = partOf(root, "rules");
    this.button.addEventListener("click", () => this.reveal(this.input.type === "password"));
    this.input.form.addEventListener("submit", () => this.reveal(false)); // browsers remember passwords, not texts
    if (!this.rules) return;
    this.items = new Map(RULES.map(({ name, text }) => [name, item(text)]));
    this.rules.append(...this.items.values());
    this.input.addEventListener("input", () => this.check());
    this.input.form.addEventListener("reset", () => queueMicrotask(() => this.check()));
    this.check();
  }

  reveal(shown) {
    this.input.type = shown ? "text" : "password";
    this.button.setAttribute("aria-pressed", String(shown));
  }

  check() {
    const met = fulfilled(this.input.value);
    for (const [name, element] of this.items) {
      element.classList.toggle("met", met.includes(name));
      write(partOf(element, "state"), met.includes(name) ? "done: " : "");
    }
  }
}

function item(text) {
  const element = document.createElement("li");
  const state = document.createElement("span");
  state.className = "unseen";
  state.dataset.part = "state";
  element.append(state, text);
  return element;
}
