import { confirmed } from "../confirm.js";
import { Form } from "../form.js";
import { partOf, write } from "../template.js";

/** camd as new; whoever wants that types its name. */
export class Reset {
  constructor(root, { session, onrestart }) {
    this.root = root;
    this.session = session;
    this.onrestart = onrestart;
    this.name = "";
    new Form(root, () => this.send(), {
      check: ({ name }) => (this.name && name.trim() === this.name ? {} : { name: `Type ${this.name}, as it stands here.` }),
    });
  }

  async show() {
    const { value } = await this.session.ask("GET", "api/state/system/name");
    this.name = value;
    write(partOf(this.root, "system"), value);
  }

  async send() {
    const sure = await confirmed({
      title: `Make ${this.name} as new?`,
      text: "Users, settings, recordings and files are deleted. It cannot be undone.",
      action: "Delete everything",
    });
    if (!sure) return;
    await this.session.ask("POST", "api", { call: "system.factory_reset", args: {} });
    this.onrestart("Everything is about to go.");
  }
}
