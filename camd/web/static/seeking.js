import { Form } from "./form.js";
import { Secret } from "./secret.js";
import { copyOf, write } from "./template.js";

/**
 * ONVIF devices of the network: searched for on demand, and added with one click, or with a user name and a password where
 * the device asks for them.
 */
export class Seeking {
  /** ask: as of Session; add(values): a Promise of the new camera. */
  constructor({ ask, add }) {
    const { root, part } = copyOf("seeking-template");
    this.root = root;
    this.part = part;
    this.ask = ask;
    this.add = add;
    part("search").addEventListener("click", () => this.search());
  }

  async search() {
    const { part } = this;
    part("search").disabled = true;
    this.say("Asking the network, which takes three seconds …");
    try {
      const { devices } = await this.ask("GET", "api/onvif/discover");
      part("list").replaceChildren(...devices.filter(({ services }) => services.length).map((device) => this.entry(device)));
      this.say(devices.length ? "" : "No device answered.");
    } catch (error) {
      this.say(error.message, "bad");
    }
    part("search").disabled = false;
  }

  say(text, tone = "busy") {
    this.part("message").dataset.tone = tone;
    write(this.part("message"), text);
  }

  entry({ name, hardware, location, services: [url] }) {
    const { root, part } = copyOf("sought-template");
    write(part("name"), name || hostOf(url));
    write(part("detail"), [hardware, location, hostOf(url)].filter(Boolean).join(" · "));
    write(part("add-what"), ` ${name || hostOf(url)}`);
    const form = new Form(part("form"), (values) => this.import(url, values, part));
    new Secret(part("password"));
    part("add").addEventListener("click", async () => {
      part("add").disabled = true;
      write(part("error"), "");
      try {
        await this.import(url, {}, part);
      } catch (error) {
        write(part("error"), error.message);
        part("form").hidden = false;
        form.input("username").focus();
      }
      part("add").disabled = false;
    });
    return root;
  }

  /** Ask the device what it has, and add its best picture. Rejected with an Error. */
  async import(url, { username = "", password = "" }, part) {
    write(part("error"), "");
    const { ok, device, reason, refused } = await this.ask("POST", "api/onvif/probe", {
      url, ...(username ? { username } : {}), ...(password ? { password } : {}),
    });
    if (!ok) throw new Error(refused ? "It asks for a user name and a password that it knows." : `${reason}.`.replace(/\.+$/, "."));
    if (!device.camera) throw new Error("It has no picture.");
    await this.add({ ...device.camera, ...(password ? { password } : {}) });
    part("form").hidden = true;
    write(part("detail"), "Added.");
  }
}

function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url; // it says of itself what it likes
  }
}
