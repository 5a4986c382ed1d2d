import { Form } from "../form.js";
import { isGood } from "../password.js";
import { Secret } from "../secret.js";
import { copyOf, partOf, write } from "../template.js";
import { CameraChoice } from "./cameras.js";
import { confirmed } from "../confirm.js";
import { DevicePassword } from "./device.js";
import { exactly, when } from "./moment.js";
import { inWords } from "./permissions.js";
import { Rights } from "./rights.js";
import { showTerms, timeElement } from "./terms.js";
import { titled } from "./titles.js";

const ADMINISTRATOR = "administrator";
let count = 0;

/** One user, opened: what they may, and for those who may, how to change it. */
export class User {
  /** people: {session, roles, cameras, reload(text)}: roles and cameras as the server lists them. */
  constructor(user, people) {
    const { root, part } = copyOf("user-template");
    this.root = root;
    this.part = part;
    this.people = people;
    this.isOwn = user.username === people.session.me.username;
    const mayChange = people.session.may("User_rw");
    for (const name of ["form", "end"]) part(name).hidden = !mayChange;
    part("password-form").hidden = !mayChange || this.isOwn;
    part("own").hidden = !this.isOwn;
    if (mayChange) this.prepare(user);
    if (mayChange && !this.isOwn) {
      part("device").append(new DevicePassword(people.session.ask, user.username, user.device_password).root);
    }
    part("device").hidden = !part("device").firstChild;
    this.show(user);
  }

  get address() {
    return `api/users/${encodeURIComponent(this.user.username)}`;
  }

  prepare(user) {
    const { part, people } = this;
    part("role").id = `role/${++count}`;
    part("role-label").htmlFor = part("role").id;
    part("role").append(...roleOptions(people.roles, user.role));
    this.cameras = new CameraChoice(people.cameras);
    part("cameras").append(this.cameras.root);
    this.rights = new Rights("Rights beyond the role");
    part("more").append(this.rights.root);
    part("role").addEventListener("change", () => this.follow());
    new Form(part("form"), (_, form) => this.save(form));

    const passwordForm = part("password-form");
    const input = passwordForm.elements.password;
    input.id = `password/${++count}`;
    partOf(passwordForm, "password-label").htmlFor = input.id;
    new Secret(partOf(passwordForm, "password"));
    new Form(passwordForm, (values, form) => this.setPassword(values, form), {
      check: ({ password }) => (isGood(password) ? null : { password: "This password is not good enough yet." }),
    });
    part("remove").addEventListener("click", () => this.remove());
  }

  show(user) {
    if (JSON.stringify(user) === JSON.stringify(this.user)) return; // perhaps somebody is about to change something
    this.user = user;
    showTerms(this.part("facts"), [
      ["Rights", inWords(user.permissions)],
      ["Last sign-in", timeElement(when(user.last_login), exactly(user.last_login))],
      ["Created", timeElement(when(user.created), exactly(user.created))],
    ]);
    if (!this.rights) return;
    this.part("role").value = user.role;
    this.part("enabled").checked = user.enabled;
    this.cameras.show(user.cameras);
    this.follow();
    this.rights.show([...user.additional_permissions]);
    this.part("more").open = user.additional_permissions.length > 0;
  }

  /** Another role: other rights come with it, and an administrator has all of them. */
  follow() {
    const { part, people } = this;
    const role = part("role").value;
    write(part("role-help"), `${inWords(people.roles[role] ?? [])}.`);
    part("cameras").hidden = part("more").hidden = role === ADMINISTRATOR;
    this.rights.limit({ floor: people.roles[role] ?? [], ceiling: people.session.me.permissions });
  }

  async save(form) {
    const { part, user, people } = this;
    const role = part("role").value;
    const isAdministrator = role === ADMINISTRATOR;
    const wanted = {
      role,
      enabled: part("enabled").checked,
      cameras: isAdministrator ? null : this.cameras.value,
      additional_permissions: isAdministrator ? [] : this.rights.permissions,
    };
    const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !same(value, user[name])));
    if (!Object.keys(changes).length) return form.say("Nothing to save.", "good");
    await people.session.ask("PATCH", this.address, changes);
    await people.reload();
    form.say("Saved.", "good");
  }

  async setPassword({ password }, form) {
    await this.people.session.ask("PATCH", this.address, { password });
    form.root.reset();
    form.say("The password is set.", "good");
  }

  async remove() {
    const { username } = this.user;
    const sure = await confirmed({
      title: `Remove ${username}?`,
      text: "All sessions and tokens of this user end at once.",
      action: "Remove the user",
    });
    if (!sure) return;
    write(this.part("trouble"), "");
    try {
      await this.people.session.ask("DELETE", this.address);
      await this.people.reload(`${username} is removed.`);
    } catch (error) {
      write(this.part("trouble"), error.message);
    }
  }
}

/** Options for a choice of role: guests are nobody in particular, so nobody becomes one. */
export function roleOptions(roles, present = "") {
  return Object.keys(roles).filter((name) => name !== "guest" || name === present)
    .map((name) => new Option(titled(name), name));
}

/** Equal as sets where they are lists. */
function same(one, other) {
  const text = (value) => JSON.stringify(Array.isArray(value) ? [...value].sort() : value);
  return text(one) === text(other);
}
