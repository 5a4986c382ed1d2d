import { Form } from "../form.js";
import { bytes } from "../quantity.js";
import { isReadable } from "../readable.js";
import { Secret } from "../secret.js";
import { light, partOf, write } from "../template.js";
import { Reset } from "./reset.js";
import { Restore } from "./restore.js";
import { Starting } from "./starting.js";
import { SHORTEST, strengthOf } from "./strength.js";

const ADDRESS = "api/backup";

/** Everything that makes this camd the one it is: out of it, into it again, or away. */
export class Backup {
  constructor(root, { session }) {
    this.session = session;
    this.part = (name) => partOf(root, name);
    const starting = new Starting(this.part("starting"), this.part("starting-word"));
    const onrestart = (reason) => this.startAgain(starting, reason);
    this.reset = new Reset(this.part("reset"), { session, onrestart });
    this.restore = new Restore(this.part("restore"), { session, onrestart });
    this.root = this.part("make-form");
    this.form = new Form(this.root, (values) => this.make(values), { check: (values) => this.check(values) });
    for (const name of ["passphrase-field", "again-field"]) new Secret(partOf(this.root, name));
    this.root.addEventListener("change", () => this.follow());
    this.root.elements.passphrase.addEventListener("input", ({ target }) => {
      light(this.part("strength"), strengthOf(target.value));
    });
  }

  async show() {
    const exposed = isReadable(location);
    const limited = this.session.me.cameras !== null;
    write(this.part("why-not"), limited ? "It takes the rights for all cameras."
      : exposed ? "Others could read it on its way: open this page over HTTPS." : "");
    this.part("tasks").hidden = limited || exposed;
    this.follow();
    if (!limited) await this.reset.show();
  }

  /** Only secrets need a passphrase. */
  follow() {
    this.part("passphrases").hidden = this.root.elements.secrets.value !== "with";
  }

  check({ secrets, passphrase, again }) {
    if (secrets !== "with") return {};
    if ([...passphrase].length < SHORTEST) return { passphrase: `${SHORTEST} characters or more.` };
    return passphrase === again ? {} : { again: "This is another one." };
  }

  async make({ secrets, passphrase }) {
    const { name, blob } = await (secrets === "with" ? this.session.take("POST", ADDRESS, { passphrase })
      : this.session.take("GET", ADDRESS));
    save(blob, name);
    this.root.reset();
    light(this.part("strength"), strengthOf(""));
    this.follow();
    this.form.say(`${name}, ${bytes(blob.size)}. Keep it where passwords may be.`, "good");
  }

  async startAgain(starting, reason) {
    this.part("tasks").hidden = true;
    this.part("starting").focus();
    await starting.wait(reason);
    await this.session.look().catch(() => {}); // most likely somebody else's now
    if (!this.session.leaving) location.reload();
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may still read it
}
