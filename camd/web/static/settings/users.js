import { Form } from "../form.js";
import { isGood } from "../password.js";
import { Secret } from "../secret.js";
import { partOf, write } from "../template.js";
import { CameraChoice, camerasInWords } from "./cameras.js";
import { Card } from "./card.js";
import { Entries } from "./entries.js";
import { when } from "./moment.js";
import { inWords } from "./permissions.js";
import { titled } from "./titles.js";
import { roleOptions, User } from "./user.js";

/** All users, and a form for one more. */
export class Users {
  constructor(root, { session, cameras }) {
    this.root = root;
    this.session = session;
    this.fetchCameras = cameras;
    this.roles = {};
    this.cameras = [];
    this.part = (name) => partOf(root, name);
    this.form = this.part("form");
    this.card = new Card(this.part("add"), this.form, () => this.prepare());
    this.list = new Entries(this.part("list"), {
      keyOf: ({ username }) => username,
      lineOf: (user) => this.line(user),
      open: (user, body) => this.open(user, body),
    });
    new Secret(partOf(this.form, "password"));
    partOf(this.form, "role").addEventListener("change", () => this.follow());
    new Form(this.form, (values) => this.add(values), {
      keys: { name: "username" },
      check: ({ username, password }) => ({
        ...(username ? {} : { username: "A name to sign in with." }),
        ...(isGood(password) ? {} : { password: "This password is not good enough yet." }),
      }),
    });
  }

  async show() {
    write(this.part("done"), "");
    await this.reload();
  }

  async reload(text = "") {
    const { ask } = this.session;
    const [{ users }, { roles }, cameras] = await Promise.all([
      ask("GET", "api/users"), ask("GET", "api/roles"), this.fetchCameras(),
    ]);
    this.roles = roles;
    this.cameras = cameras;
    this.list.show(users);
    write(this.part("done"), text);
  }

  line({ username, role, cameras, enabled, last_login: last }) {
    const seen = last ? `signed in ${when(last)}` : "never signed in";
    return {
      title: username === this.session.me.username ? `${username} (you)` : username,
      detail: [titled(role), camerasInWords(cameras, this.cameras), seen].join(" · "),
      note: enabled ? "" : "Disabled",
    };
  }

  open(user, body) {
    const { session, roles, cameras } = this;
    const opened = new User(user, { session, roles, cameras, reload: (text) => this.reload(text) });
    body.append(opened.root);
    return (newer) => opened.show(newer);
  }

  prepare() {
    partOf(this.form, "role").replaceChildren(...roleOptions(this.roles));
    partOf(this.form, "role").value = "viewer";
    this.choice = new CameraChoice(this.cameras);
    partOf(this.form, "cameras").replaceChildren(this.choice.root);
    this.follow();
  }

  follow() {
    const role = partOf(this.form, "role").value;
    write(partOf(this.form, "role-help"), `${inWords(this.roles[role] ?? [])}.`);
    partOf(this.form, "cameras").hidden = role === "administrator";
  }

  async add({ username, password, role }) {
    const cameras = role === "administrator" ? null : this.choice.value;
    await this.session.ask("POST", "api/users", { username, password, role, cameras });
    this.card.close();
    await this.reload(`${username} is added.`);
  }
}
