import { partOf, write } from "./template.js";

let count = 0;

/**
 * A form that sends JSON: one request at a time, and what is wrong stands below the field that it
 * concerns, or else above the button. When the server says when to come again, it counts down.
 */
export class Form {
  /**
   * submit(values, form): a Promise; values: name -> text. keys: the server's word for a field -> its name here.
   * check(values): a text about what is missing, by name of the field, before anybody is asked.
   */
  constructor(root, submit, { keys = {}, check = () => null } = {}) {
    this.root = root;
    this.submit = submit;
    this.keys = keys;
    this.check = check;
    this.busy = false;
    this.until = 0; // performance.now() before which another try is in vain
    root.noValidate = true; // the browser's bubbles vanish, and look like nobody's
    for (const place of root.querySelectorAll("[data-error]")) this.connect(place);
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    root.addEventListener("input", ({ target }) => {
      this.complain(target.name, "");
      if (partOf(root, "message").dataset.tone === "good") this.say("");
    });
  }

  get values() {
    return Object.fromEntries(new FormData(this.root));
  }

  /** What is wrong with a field is read out with it. */
  connect(place) {
    const input = this.input(place.dataset.error);
    if (!input) return;
    place.id = `wrong/${++count}`;
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${place.id}`.trim());
  }

  async send() {
    if (this.busy || performance.now() < this.until) return;
    this.say("");
    for (const input of this.inputs()) this.complain(input.name, "");
    const mistakes = Object.entries(this.check(this.values) ?? {});
    if (mistakes.length) {
      for (const [name, text] of mistakes) this.complain(name, text);
      this.input(mistakes[0][0])?.focus();
      return;
    }
    this.enable(false);
    try {
      await this.submit(this.values, this);
    } catch (error) {
      this.refuse(error);
    } finally {
      this.enable(true);
    }
  }

  refuse(error) {
    const name = this.keys[error.key] ?? error.key;
    if (error.retryAfter > 0 && error.status === 429) this.wait(error);
    else if (name && this.input(name)) {
      this.complain(name, error.message);
      this.input(name).focus();
    } else this.say(error.message, "bad");
  }

  /** tone: "bad" or "good". */
  say(text, tone = "bad") {
    const message = partOf(this.root, "message");
    message.dataset.tone = tone;
    write(message, text);
  }

  complain(name, text) {
    const input = name && this.input(name);
    const place = input && this.root.querySelector(`[data-error="${CSS.escape(name)}"]`);
    if (!place) return;
    write(place, text);
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  /** The button counts down; the message is said once, or a screen reader would count along. */
  wait({ retryAfter }) {
    const button = partOf(this.root, "submit");
    const label = button.textContent;
    this.until = performance.now() + retryAfter * 1000;
    this.say(`Too many tries. Another one is possible in ${minutes(retryAfter)}.`);
    const step = () => {
      const left = Math.ceil((this.until - performance.now()) / 1000);
      write(button, left > 0 ? `Wait ${minutes(left)}` : label);
      this.enable(!this.busy);
      if (left > 0) return;
      clearInterval(timer);
      this.say("");
    };
    const timer = setInterval(step, 500);
    step();
  }

  enable(enabled) {
    this.busy = !enabled;
    const button = partOf(this.root, "submit");
    button.disabled = !enabled || performance.now() < this.until;
    button.setAttribute("aria-busy", String(!enabled));
  }

  inputs() {
    return [...this.root.elements].filter((element) => element.name);
  }

  input(name) {
    const found = this.root.elements.namedItem(name);
    return found instanceof RadioNodeList ? found[0] : found;
  }
}

/** "45 s", "4 min 05 s" */
function minutes(seconds) {
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
