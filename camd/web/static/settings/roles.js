import { Form } from "../form.js";
import { copyOf, partOf, write } from "../template.js";
import { Card } from "./card.js";
import { confirmed } from "../confirm.js";
import { Entries } from "./entries.js";
import { inWords } from "./permissions.js";
import { Rights } from "./rights.js";
import { titled } from "./titles.js";

const FIXED = ["administrator", "operator", "viewer"];
const GUEST = "guest";
const GUESTS_MAY = ["Device_r", "Media_r", "Network_r", "Storage_r", "System_r", "FirmwareUpdate_r"];

/** The product's roles, and those made here. */
export class Roles {
  constructor(root, { session }) {
    this.root = root;
    this.session = session;
    this.part = (name) => partOf(root, name);
    this.form = this.part("form");
    this.card = new Card(this.part("add"), this.form, () => this.prepare());
    this.list = new Entries(this.part("list"), {
      keyOf: ({ name }) => name,
      lineOf: ({ name, permissions }) => ({ title: titled(name), detail: inWords(permissions) }),
      open: (role, body) => this.open(role, body),
    });
    new Form(this.form, (values) => this.add(values), {
      check: ({ name }) => (name ? null : { name: "How is it called?" }),
    });
  }

  async show() {
    write(this.part("done"), "");
    await this.reload();
  }

  async reload(text = "") {
    const { roles } = await this.session.ask("GET", "api/roles");
    this.list.show(Object.entries(roles).map(([name, permissions]) => ({ name, permissions })));
    write(this.part("done"), text);
  }

  open({ name, permissions }, body) {
    const { root, part } = copyOf("role-template");
    const rights = new Rights(`Rights of ${titled(name)}`);
    part("rights").append(rights.root);
    const mayChange = this.session.may("User_rw") && !FIXED.includes(name);
    rights.root.disabled = !mayChange;
    part("actions").hidden = !mayChange;
    part("remove").hidden = name === GUEST;
    if (mayChange) rights.limit({ ceiling: this.ceiling(name) });
    const show = (role) => rights.show(role.permissions);
    show({ permissions });
    new Form(root, (_, form) => this.save(name, rights.permissions, form));
    part("remove").addEventListener("click", () => this.remove(name, part("message")));
    body.append(root);
    return show;
  }

  /** Nobody gives what they do not hold, and guests may look only. */
  ceiling(name) {
    const { permissions } = this.session.me;
    return name === GUEST ? GUESTS_MAY.filter((permission) => permissions.includes(permission)) : permissions;
  }

  prepare() {
    this.rights = new Rights("It may");
    this.rights.limit({ ceiling: this.ceiling("") });
    this.rights.show(["Device_r", "Media_r"]);
    partOf(this.form, "rights").replaceChildren(this.rights.root);
  }

  async add({ name }) {
    await this.put(name, this.rights.permissions);
    this.card.close();
    await this.reload(`The role ${name} is made.`);
  }

  async save(name, permissions, form) {
    await this.put(name, permissions);
    await this.reload();
    form.say("Saved.", "good");
  }

  put(name, permissions) {
    return this.session.ask("PUT", `api/roles/${encodeURIComponent(name)}`, { permissions });
  }

  async remove(name, message) {
    const sure = await confirmed({
      title: `Remove the role ${name}?`,
      text: "Nobody must hold it any more.",
      action: "Remove the role",
    });
    if (!sure) return;
    try {
      await this.session.ask("DELETE", `api/roles/${encodeURIComponent(name)}`);
      await this.reload(`The role ${name} is removed.`);
    } catch (error) {
      message.dataset.tone = "bad";
      write(message, error.message);
    }
  }
}
