import { copyOf, write } from "./template.js";

/** An address of the camera to take along: shown whole, and copied by one click. */
export class Address {
  constructor(label, path) {
    const { root, part } = copyOf("address-template");
    this.root = root;
    this.text = part("text");
    this.answer = part("answer");
    this.text.id = `address/${path}`;
    this.text.value = new URL(path, document.baseURI).href;
    this.text.addEventListener("focus", () => this.text.select());
    part("label").textContent = label;
    part("label").htmlFor = this.text.id;
    part("copy-label").textContent = `Copy the address: ${label}`;
    part("copy").title = "Copy";
    part("copy").addEventListener("click", () => this.copy());
  }

  async copy() {
    const done = await toClipboard(this.text);
    write(this.answer, done ? "Copied." : "Selected; copy it with your keyboard or menu.");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => write(this.answer, ""), 4_000);
  }
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
