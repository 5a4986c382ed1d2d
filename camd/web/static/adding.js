import { Form } from "./form.js";
import { bestModes, modeInWords } from "./mode.js";
import { Secret } from "./secret.js";
import { copyOf, write } from "./template.js";

/** A form for a camera on the network, which can be looked into before it is added. */
export class Adding {
  /** ask: as of Session; add(values): a Promise of the new camera. */
  constructor({ ask, add }) {
    const { root, part } = copyOf("adding-template");
    this.root = root;
    this.part = part;
    this.ask = ask;
    this.form = new Form(root, (values) => this.add(values, add), { check: missing });
    new Secret(part("password"));
    part("test").addEventListener("click", () => this.test());
    root.addEventListener("input", () => this.show([]));
  }

  async add(values, add) {
    await add(filled(values));
    this.root.reset();
    this.show([]);
  }

  async test() {
    const { part, form } = this;
    const { name, ...values } = filled(form.values);
    const mistake = missing(values);
    if (mistake) return form.complain("source", mistake.source);
    form.enable(false);
    part("test").disabled = true;
    form.say("Looking …", "busy");
    this.show([]);
    try {
      this.tell(await this.ask("POST", "api/cameras/test", values));
    } catch (error) {
      form.say("");
      form.refuse(error);
    }
    form.enable(true);
    part("test").disabled = false;
  }

  tell({ ok, name, modes, reason }) {
    if (!ok) return this.form.say(`Nothing there: ${reason}.`.replace(/\.+$/, "."), "bad");
    this.form.say(name ? `There it is: ${name}` : "There are pictures.", "good");
    this.show(bestModes(modes));
  }

  show(modes) {
    this.part("modes").replaceChildren(...modes.map((mode) => {
      const item = document.createElement("li");
      write(item, modeInWords(mode));
      return item;
    }));
  }
}

function filled(values) {
  return Object.fromEntries(Object.entries(values).filter(([, text]) => text !== ""));
}

function missing({ source = "" }) {
  return source.trim() ? null : { source: "Where it is, such as rtsp://10.0.0.20/stream1" };
}
