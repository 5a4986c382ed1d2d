import { copyOf, write } from "./template.js";

let count = 0;

/** A text to take along, an address or a secret: shown whole, and copied by one click. */
export class Copyable {
  constructor(label, text = "") {
    const { root, part } = copyOf("copyable-template");
    this.root = root;
    this.text = part("text");
    this.answer = part("answer");
    this.text.id = `copyable/${++count}`;
    this.text.addEventListener("focus", () => this.text.select());
    part("label").textContent = label;
    part("label").htmlFor = this.text.id;
    part("copy-label").textContent = `Copy: ${label}`;
    part("copy").title = "Copy";
    part("copy").addEventListener("click", () => this.copy());
    this.show(text);
  }

  show(text) {
    this.text.value = text;
  }

  async copy() {
    const done = await toClipboard(this.text);
    write(this.answer, done ? "Copied." : "Selected; copy it with your keyboard or menu.");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => write(this.answer, ""), 4_000);
  }
}

/** The whole address of a path of this server. */
export function addressOf(path) {
  return new URL(path, document.baseURI).href;
}

/** The clipboard exists on HTTPS and localhost only; elsewhere the old command does it. */
async function toClipboard(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.focus();
    input.select();
    return document.execCommand("copy");
  }
}
