import { Form } from "../form.js";
import { isGood } from "../password.js";
import { Secret } from "../secret.js";
import { partOf } from "../template.js";
import { camerasInWords } from "./cameras.js";
import { DevicePassword } from "./device.js";
import { exactly, when } from "./moment.js";
import { inWords } from "./permissions.js";
import { showTerms, timeElement } from "./terms.js";
import { titled } from "./titles.js";

/** One's own account. */
export class Account {
  constructor(root, { session, cameras }) {
    this.root = root;
    this.session = session;
    this.cameras = cameras;
    const form = partOf(root, "password-form");
    new Form(form, (values, sent) => this.changePassword(values, sent), {
      check: ({ old, new: fresh }) => ({
        ...(old ? {} : { old: "The password that you signed in with." }),
        ...(isGood(fresh) ? {} : { new: "This password is not good enough yet." }),
      }),
      keys: { password: "new" },
    });
    this.form = form;
    for (const name of ["old", "new"]) new Secret(partOf(form, name));
  }

  async show() {
    const { session, root } = this;
    const { username } = session.me;
    const user = await session.ask("GET", `api/users/${encodeURIComponent(username)}`);
    showTerms(partOf(root, "facts"), [
      ["User name", username],
      ["Role", titled(user.role)],
      ["Rights", inWords(user.permissions)],
      ["Cameras", camerasInWords(user.cameras, await this.cameras())],
      ["Last sign-in", timeElement(when(user.last_login), exactly(user.last_login))],
    ]);
    this.form.elements.username.value = username; // for the browser's memory
    partOf(root, "device").replaceChildren(new DevicePassword(session.ask, username, user.device_password).root);
  }

  async changePassword({ old, new: fresh }, sent) {
    await this.session.changePassword(old, fresh);
    this.form.reset();
    this.form.elements.username.value = this.session.me.username;
    sent.say("Your password is changed.", "good");
  }
}
