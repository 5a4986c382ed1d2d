import { Copyable } from "../copyable.js";
import { copyOf, write } from "../template.js";
import { confirmed } from "../confirm.js";

/** The device password of one user: on demand only, for every look at it is noted in the audit log. */
export class DevicePassword {
  /** there: whether there is one yet. */
  constructor(ask, username, there) {
    const { root, part } = copyOf("device-template");
    this.root = root;
    this.part = part;
    this.ask = ask;
    this.address = `api/users/${encodeURIComponent(username)}/device-password`;
    this.secret = new Copyable("Device password");
    part("secret").append(this.secret.root);
    write(part("show"), there ? "Show it" : "Make one");
    part("renew").hidden = !there;
    part("show").addEventListener("click", () => this.fetch("GET"));
    part("renew").addEventListener("click", () => this.renew());
  }

  async renew() {
    const sure = await confirmed({
      title: "Make a new device password?",
      text: "The present one stops working at once, wherever it was entered.",
      action: "Make a new one",
    });
    if (sure) await this.fetch("POST");
  }

  async fetch(method) {
    const { part } = this;
    write(part("message"), "");
    try {
      const { device_password: secret } = await this.ask(method, this.address);
      this.secret.show(secret);
      part("secret").hidden = false;
      part("show").hidden = true;
      part("renew").hidden = false;
      this.secret.text.focus();
    } catch (error) {
      write(part("message"), error.message);
    }
  }
}
