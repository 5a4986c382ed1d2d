import { addressOf, Copyable } from "../copyable.js";
import { copyOf, partOf, write } from "../template.js";
import { DevicePassword } from "./device.js";
import { recipesFor, rtspOf } from "./recipes.js";

const RTSP_PORT = 8554; // unless the configuration says so, and is ours to read
const PORTS = { "http:": 80, "https:": 443 };

/** What a recorder has to be told, ready to be copied. */
export class Recorders {
  constructor(root, { session, cameras }) {
    this.root = root;
    this.part = (name) => partOf(root, name);
    this.session = session;
    this.cameras = cameras;
    this.part("camera").addEventListener("change", () => this.draw());
  }

  async show() {
    const { session, part } = this;
    const { username } = session.me;
    const [user, cameras, rtspPort] = await Promise.all([
      session.ask("GET", `api/users/${encodeURIComponent(username)}`), this.cameras(), this.rtspPort(),
    ]);
    this.rtsp = rtspPort;
    const chosen = part("camera").value;
    part("camera").replaceChildren(...cameras.map(({ id, name }) => new Option(name || id, id)));
    if (cameras.some(({ id }) => id === chosen)) part("camera").value = chosen;
    part("camera-field").hidden = cameras.length < 2;
    part("device").replaceChildren(new DevicePassword(session.ask, username, user.device_password).root);
    this.draw();
  }

  /** The port of RTSP; null if it is off. */
  async rtspPort() {
    if (!this.session.may("System_r")) return RTSP_PORT;
    const { values } = await this.session.ask("GET", "api/config");
    const endpoint = values.rtsp?.value;
    return endpoint ? Number(/^tcp:(?:port=)?(\d+)/.exec(endpoint)?.[1]) || RTSP_PORT : null;
  }

  draw() {
    const { part } = this;
    const camera = part("camera").value;
    const place = {
      host: location.hostname, port: location.port || PORTS[location.protocol], user: this.session.me.username, camera,
      rtspPort: this.rtsp ?? RTSP_PORT,
    };
    const rtsp = this.rtsp === null || !camera ? [] : [
      ["RTSP, large picture", rtspOf(place, "main", false)], ["RTSP, small picture", rtspOf(place, "sub", false)],
    ];
    write(part("silent"), this.rtsp === null ? "RTSP is switched off in the configuration, so recorders get no video." : "");
    const addresses = [
      ["ONVIF", addressOf("onvif/device_service")], ["User", place.user], ...rtsp,
      ...(camera ? [["Single picture (JPEG)", addressOf(`cam/${camera}/snapshot.jpg`)]] : []),
    ];
    part("addresses").replaceChildren(...addresses.map(([label, text]) => new Copyable(label, text).root));
    part("recipes").replaceChildren(...(camera ? recipesFor(place).map(entry) : []));
  }
}

function entry({ title, steps, text }) {
  const { root, part } = copyOf("recipe-template");
  write(part("title"), title);
  part("steps").append(...steps.map((step) => {
    const item = document.createElement("li");
    item.textContent = step;
    return item;
  }));
  part("block").hidden = text === "";
  write(part("text"), text);
  part("copy").addEventListener("click", () => copy(part("text"), part("answer")));
  return root;
}

/** The clipboard exists on HTTPS and localhost only; elsewhere the old command copies what is selected. */
async function copy(element, answer) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
  write(answer, "Copied.");
}
