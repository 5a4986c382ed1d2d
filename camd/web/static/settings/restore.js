import { confirmed } from "../confirm.js";
import { Form } from "../form.js";
import { bytes } from "../quantity.js";
import { Secret } from "../secret.js";
import { partOf } from "../template.js";
import { contentsOf, filesInWords } from "./archive.js";
import { exactly } from "./moment.js";
import { showTerms } from "./terms.js";

/** A backup is chosen or dropped, looked at, and put in the place of what is there. */
export class Restore {
  /** onrestart(reason): camd is about to end, to start with what was restored. */
  constructor(root, { session, onrestart }) {
    this.root = root;
    this.session = session;
    this.onrestart = onrestart;
    this.file = null;
    this.contents = null;
    this.looked = 0; // the number of the last look: a file that was slower to read is of no interest
    this.part = (name) => partOf(root, name);
    this.form = new Form(root, (values) => this.send(values), {
      check: ({ passphrase }) => ({
        ...(this.contents ? {} : { file: "Choose a backup." }),
        ...(this.contents?.encrypted && !passphrase ? { passphrase: "The one that it was made with." } : {}),
      }),
    });
    new Secret(this.part("passphrase-field"));
    root.elements.file.addEventListener("change", ({ target }) => target.files.length && this.look(target.files[0]));
    const zone = this.part("drop");
    zone.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      const { files } = event.dataTransfer;
      if (!files.length) return;
      root.elements.file.files = files; // it names what was chosen
      this.look(files[0]);
    });
  }

  /** What is in it is told before anything is done. */
  async look(file) {
    const number = ++this.looked;
    let contents = null;
    let trouble = "";
    try {
      contents = await contentsOf(file);
    } catch (error) {
      trouble = error.message;
    }
    if (number !== this.looked) return;
    this.file = file;
    this.contents = contents;
    this.form.say("");
    this.form.complain("file", trouble);
    this.part("chosen").hidden = contents === null;
    this.part("passphrase-field").hidden = !contents?.encrypted;
    if (contents) showTerms(this.part("facts"), this.terms(contents));
  }

  terms({ created, camd, encrypted, files }) {
    return [
      ["Made", Number.isNaN(created) ? "–" : exactly(created)],
      ["By", `camd ${camd}`],
      ["Size", bytes(this.file.size)],
      ["Holds", encrypted ? "Everything, the secrets as well; encrypted" : filesInWords(files)],
    ];
  }

  async send({ passphrase }) {
    const sure = await confirmed({
      title: `Restore ${this.file.name}?`,
      text: "Configuration, settings and users become those of the backup, and everybody is signed out. Recordings and files "
        + "stay. camd starts again for it.",
      action: "Restore it",
    });
    if (!sure) return;
    this.form.say("It is sent and checked …", "busy");
    const { encrypted } = this.contents;
    await this.session.ask("POST", "api/restore", { archive: await base64(this.file), ...(encrypted ? { passphrase } : {}) })
      .catch((error) => {
        if (error.key === "archive") error.key = "file";
        throw error;
      });
    this.onrestart("The backup is checked.");
  }
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(new Error("The browser cannot read this file any more.")));
    reader.readAsDataURL(file);
  });
}
