import { Form } from "../form.js";
import { copyOf, partOf, write } from "../template.js";
import { CameraChoice, camerasInWords } from "./cameras.js";
import { Card } from "./card.js";
import { confirmed } from "../confirm.js";
import { Entries } from "./entries.js";
import { showMade } from "./made.js";
import { exactly, when } from "./moment.js";
import { inWords } from "./permissions.js";
import { Rights } from "./rights.js";
import { showTerms, timeElement } from "./terms.js";

/** What a choice of the form stands for; null: all that its user may. */
const SCOPES = { pictures: ["Media_r"], state: ["Media_r", "Device_r"], all: null, some: [] };

/** Secrets for programs: one's own, for some people everybody's. */
export class Tokens {
  constructor(root, { session, cameras }) {
    this.root = root;
    this.session = session;
    this.fetchCameras = cameras;
    this.cameras = [];
    this.part = (name) => partOf(root, name);
    this.form = this.part("form");
    this.card = new Card(this.part("add"), this.form, () => this.prepare());
    this.list = new Entries(this.part("list"), {
      keyOf: ({ id }) => id,
      lineOf: (token) => this.line(token),
      open: (token, body) => this.open(token, body),
    });
    partOf(this.form, "scope").addEventListener("change", () => this.follow());
    new Form(this.form, (values, form) => this.add(values, form), {
      check: ({ name }) => (name.trim() ? null : { name: "A word about what it is for." }),
    });
  }

  async show() {
    write(this.part("done"), "");
    await this.reload();
  }

  async reload(text = "") {
    const [{ tokens }, cameras] = await Promise.all([this.session.ask("GET", "api/tokens"), this.fetchCameras()]);
    this.cameras = cameras;
    this.list.show(tokens.reverse()); // the newest first
    this.part("nothing").hidden = tokens.length > 0;
    write(this.part("done"), text);
  }

  line({ name, user, cameras, expires, last_used: used }) {
    const over = expires !== null && expires <= Date.now();
    const owner = user === this.session.me.username ? [] : [`of ${user}`];
    const use = used ? `used ${when(used)}` : "never used";
    return {
      title: name,
      detail: [...owner, camerasInWords(cameras, this.cameras), use].join(" · "),
      note: over ? "Expired" : "",
    };
  }

  open(token, body) {
    const { root, part } = copyOf("token-template");
    const isOwn = token.user === this.session.me.username;
    part("actions").hidden = !isOwn && !this.session.may("User_rw");
    part("revoke").addEventListener("click", () => this.revoke(token, part("message")));
    const show = (newer) => showTerms(part("facts"), [
      ["User", newer.user],
      ["Rights", inWords(newer.permissions)],
      ["Cameras", camerasInWords(newer.cameras, this.cameras)],
      ["Last use", timeElement(usedText(newer), exactly(newer.last_used))],
      ["Ends", timeElement(when(newer.expires), exactly(newer.expires))],
      ["Created", timeElement(when(newer.created), exactly(newer.created))],
    ]);
    show(token);
    body.append(root);
    return show;
  }

  prepare() {
    const { session, form } = this;
    for (const option of partOf(form, "scope").options) {
      option.hidden = option.disabled = !(SCOPES[option.value] ?? []).every((permission) => session.may(permission));
    }
    partOf(form, "scope").value = session.may("Media_r") ? "pictures" : "all";
    this.rights = new Rights("Rights of the token");
    this.rights.limit({ ceiling: session.me.permissions });
    partOf(form, "rights").replaceChildren(this.rights.root);
    const own = session.me.cameras;
    this.choice = new CameraChoice(this.cameras.filter(({ id }) => own === null || own.includes(id)));
    partOf(form, "cameras").replaceChildren(this.choice.root);
    this.follow();
  }

  follow() {
    partOf(this.form, "rights").hidden = partOf(this.form, "scope").value !== "some";
  }

  async add({ name, scope, days }, form) {
    const permissions = scope === "some" ? this.rights.permissions : SCOPES[scope];
    if (permissions?.length === 0) {
      form.say("Choose at least one right.");
      return;
    }
    const made = await this.session.ask("POST", "api/tokens", {
      name, permissions, cameras: this.choice.value, days: days ? Number(days) : null,
    });
    this.card.close();
    await showMade(made, this.cameras.filter(({ id }) => made.cameras === null || made.cameras.includes(id)));
    await this.reload(`The token ${made.name} is made.`);
  }

  async revoke({ id, name }, message) {
    const sure = await confirmed({
      title: `Revoke “${name}”?`,
      text: "Whatever uses it is cut off at once, and cannot get in again.",
      action: "Revoke",
    });
    if (!sure) return;
    try {
      await this.session.ask("DELETE", `api/tokens/${encodeURIComponent(id)}`);
      await this.reload(`The token ${name} is revoked.`);
    } catch (error) {
      write(message, error.message);
    }
  }
}

function usedText({ last_used: used, last_address: address }) {
  return used === null || !address ? when(used) : `${when(used)}, from ${address}`;
}
