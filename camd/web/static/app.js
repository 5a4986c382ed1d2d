import { camerasOf, controlsOf, factsOf, systemControlsOf, systemFactsOf } from "./catalogue.js";
import { addressOf, Copyable } from "./copyable.js";
import { Facts } from "./facts.js";
import { Gallery } from "./gallery.js";
import { labelOf } from "./label.js";
import { Link } from "./link.js";
import { Menu } from "./menu.js";
import { Mirror } from "./mirror.js";
import { Outage } from "./outage.js";
import { Panel } from "./panel.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { Strip } from "./strip.js";
import { copyOf, light, write } from "./template.js";
import { bindTheme } from "./theme.js";

/** Builds the page and wires its parts; what they do is theirs. */
const PLUGIN_STATES = {
  ok: { word: "Running", tone: "good" },
  alert: { word: "Failed", tone: "bad" },
  blocked: { word: "Switched off", tone: "off" },
};
const byId = (id) => document.getElementById(id);

const ALIVE_EVERY = 60_000; // a page that is looked at is in use, and so is its session

const session = new Session();
const store = new Store((flush) => requestAnimationFrame(flush));
const link = new Link({ open: () => new WebSocket(socketAddress()), watched: () => !document.hidden });
const mirror = new Mirror(link, store);
const stage = new Stage(byId("stage"), store);
const strip = new Strip(byId("strip"), store);
const gallery = new Gallery();
const cameraPanel = new Panel(byId("camera-controls"), store, { send, may });
const systemPanel = new Panel(byId("system-controls"), store, { send, may });
const menu = new Menu(byId("account"), byId("sign-in"), session);
const systemFacts = new Facts(byId("system-facts"), store);
const pluginFacts = new Facts(byId("plugin-facts"), store, { render: asPlugin, label: (name) => labelOf(name) });
const outage = new Outage(stage, link);
const about = new Map(); // camera -> {element, facts}

function socketAddress() {
  const address = new URL("api", document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  return address;
}

async function send(name, value) {
  try {
    store.merge(await link.request({ [name]: value }));
  } catch (error) {
    if (error.refused) look(); // the rights are others than we thought
    throw error;
  }
}

function may(name) {
  return session.may(store.schema[name].write);
}

/** Ask who we are; a server that is away is the link's to report. */
async function look() {
  return session.look().catch(() => false);
}

function asPlugin(element, value, entry, name) {
  if (!element.firstChild) element.append(copyOf("lamp-template").root, document.createElement("span"));
  const [lamp, reason] = element.children;
  light(lamp, PLUGIN_STATES[value] ?? { word: value ?? "–", tone: "off" });
  write(reason, store.get(`${name}/reason`) ?? "");
}

/** Names came or went, the schema changed, or another camera was chosen. */
function arrange() {
  if (!mirror.ready) return;
  const { schema } = store;
  note(Object.keys(schema).some((name) => schema[name].write && !may(name)));
  const cameras = camerasOf(store.names(), store.get("system/main_camera"));
  const wanted = decodeURIComponent(location.hash.slice(1));
  const chosen = cameras.includes(wanted) ? wanted : cameras[0] ?? null;
  stage.show(chosen);
  strip.show(cameras, chosen);
  hang(chosen);
  cameraPanel.show(chosen ? controlsOf(chosen, schema) : [], chosen ? [["Details", aboutCamera(chosen)]] : []);
  systemPanel.show(systemControlsOf(schema));
  const facts = systemFactsOf(schema);
  systemFacts.show(facts.system);
  pluginFacts.show(facts.plugins);
  stage.say(emptiness(chosen));
}

/** Why there is no picture where one would be, or null. */
function emptiness(chosen) {
  if (chosen) return mayWatch() ? null : { title: "No picture", text: "Watching pictures needs further rights." };
  if (!session.may("Device_r") || session.me.cameras) {
    return { title: "No camera", text: "None is yours to see. Ask whoever administers this camd." };
  }
  return {
    title: "No camera yet",
    text: "Plug one in, or name one in the configuration file under [cameras.cam1]. It appears here by itself.",
  };
}

function mayWatch() {
  return session.may("Media_r");
}

/** Why there is nothing to move. */
function note(limited) {
  const needed = session.isSignedIn ? "Changing them needs further rights." : "Sign in to change them.";
  write(byId("panel-note"), limited ? `These are the settings as they are. ${needed}` : "");
}

function hang(chosen) {
  const small = [...strip.tiles].map(([camera, { picture }]) => ({ picture, doubled: camera === chosen }));
  const large = stage.picture ? [{ picture: stage.picture, large: true }] : [];
  gallery.hang(mayWatch() ? [...large, ...small] : []);
}

function aboutCamera(camera) {
  if (!about.has(camera)) {
    const element = document.createElement("div");
    const list = document.createElement("dl");
    list.className = "facts figures";
    element.append(list, new Copyable("Single picture (JPEG)", addressOf(`cam/${camera}/snapshot.jpg`)).root,
      new Copyable("Stream (MJPEG)", addressOf(`cam/${camera}/stream.mjpg`)).root);
    about.set(camera, { element, facts: new Facts(list, store) });
  }
  const { element, facts } = about.get(camera);
  facts.show(factsOf(camera, store.schema));
  return element;
}

function choose(camera) {
  history.replaceState(null, "", `#${encodeURIComponent(camera)}`);
  arrange();
}

/** In an outage "Disconnected" stays until it is over: a word that flickers with each attempt tells nothing. */
function linkCondition(phase) {
  if (phase === "open") return { word: "Connected", tone: "good" };
  if (phase === "connecting" && !outage.lasting) return { word: "Connecting", tone: "busy" };
  return { word: "Disconnected", tone: "bad" };
}

/** The link is open: first who we are, then what we may see. */
async function enter() {
  try {
    if (await session.look()) await mirror.open();
  } catch (error) {
    if (!error.broken) stage.say({ title: "The server refused", text: error.message });
    else link.abandon("The server does not answer.");
  }
}

/** Rights changed: other names, other values, other controls. */
async function review() {
  menu.show();
  if (mirror.ready) await mirror.describe();
  arrange();
}

link.onphase = (event) => {
  document.body.dataset.phase = event.phase;
  const open = event.phase === "open";
  light(byId("link"), linkCondition(event.phase));
  if (open) enter();
  else mirror.close();
  if (event.phase === "waiting") look(); // it may have been the session that ended
  for (const id of ["camera-controls", "system-controls"]) byId(id).disabled = !open;
  outage.follow(event);
};
session.onchange = review;
link.onrights = look;
mirror.onready = () => {
  arrange();
  if (outage.end()) gallery.restart();
};
store.watchShape(arrange);
store.watch("system/main_camera", arrange);
store.watch("system/name", (name) => write(byId("system-name"), name ?? ""));
stage.onname = (name) => (document.title = name ? `${name} – camd` : "camd");
strip.onchoose = choose;
addEventListener("hashchange", arrange);
addEventListener("online", () => link.check());
addEventListener("offline", () => link.check());
addEventListener("pageshow", ({ persisted }) => persisted && link.check());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  link.check();
  look(); // much may have happened meanwhile
});
setInterval(() => document.hidden || link.phase !== "open" || look(), ALIVE_EVERY);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the camera
  byId("controls").focus();
});
bindTheme(byId("theme"));
link.connect();
