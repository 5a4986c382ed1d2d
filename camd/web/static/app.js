import { About } from "./about.js";
import { Adding } from "./adding.js";
import { Bench } from "./bench.js";
import { camerasOf, controlsOf, systemControlsOf, systemFactsOf } from "./catalogue.js";
import { Clock } from "./clock.js";
import { Facts } from "./facts.js";
import { Feed } from "./feed.js";
import { Found } from "./found.js";
import { Gallery } from "./gallery.js";
import { Hearing } from "./sound/hearing.js";
import { fullLabelOf, labelOf } from "./label.js";
import { Link } from "./link.js";
import { Menu } from "./menu.js";
import { Mirror } from "./mirror.js";
import { Outage } from "./outage.js";
import { Panel } from "./panel.js";
import { Presets } from "./presets.js";
import { Profiles } from "./profiles.js";
import { textOf } from "./quantity.js";
import { Seeking } from "./seeking.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { copyOf, light, write } from "./template.js";
import { Tiles } from "./tiles.js";
import { bindTheme } from "./theme.js";
import { wallClockInWords } from "./wallclock.js";

/** Builds the page and wires its parts; what they do is theirs. */
const PLUGIN_STATES = {
  ok: { word: "Running", tone: "good" },
  alert: { word: "Failed", tone: "bad" },
  blocked: { word: "Switched off", tone: "off" },
};
const byId = (id) => document.getElementById(id);

/** The place in the address that means all cameras; no camera can be called so. */
const ALL = "*";
/** Pictures a second of small pictures: enough to follow what happens, and to choose one. */
const WALL_FPS = 10;
const STRIP_FPS = 5;
const ALIVE_EVERY = 60_000; // a page that is looked at is in use, and so is its session

const session = new Session();
const store = new Store((flush) => requestAnimationFrame(flush));
const link = new Link({ open: () => socket("api"), watched: () => !document.hidden });
const mirror = new Mirror(link, store);
const feed = new Feed({ open: () => socket("api/media") });
const clock = new Clock();
const hearing = new Hearing({ feed });
const stage = new Stage(byId("stage"), store, { feed, clock, offered, hearing });
const strip = new Tiles(byId("strip"), { store, feed, clock, hearing, fps: STRIP_FPS, template: "tile-template" });
const wall = new Tiles(byId("wall-tiles"), { store, feed, clock, hearing, fps: WALL_FPS, template: "wall-template" });
const gallery = new Gallery();
const cameraPanel = new Panel(byId("camera-controls"), store, { send, may });
const systemPanel = new Panel(byId("system-controls"), store, { send, may });
const bench = new Bench(stage, store, { call, send, may });
const menu = new Menu(byId("account-menu"), byId("sign-in"), session);
const systemFacts = new Facts(byId("system-facts"), store, { render: asFact, label: fullLabelOf });
const pluginFacts = new Facts(byId("plugin-facts"), store, { render: asPlugin, label: (name) => labelOf(name) });
const outage = new Outage(stage, link);
const about = new Map(); // camera -> {about, presets, profiles}, which are kept, for somebody may be typing
const ask = (...request) => session.ask(...request);
const adding = new Adding({ ask, add });
const seeking = new Seeking({ ask, add });
const found = new Found(byId("found"), store, add);

function socket(path) {
  const address = new URL(path, document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  return new WebSocket(address);
}

/** Ways of watching that are known not to be there. */
function offered() {
  const running = store.get("plugins/webrtc");
  return { webrtc: store.get("webrtc/enabled") !== false && (running === undefined || running === "ok") };
}

async function send(name, value) {
  try {
    store.merge(await link.request({ [name]: value }));
  } catch (error) {
    if (error.refused) look(); // the rights are others than we thought
    throw error;
  }
}

async function call(name, args) {
  try {
    return (await link.request({ call: name, args })).result;
  } catch (error) {
    if (error.refused) look();
    throw error;
  }
}

function may(name) {
  return session.may(store.schema[name]?.write);
}

/** Ask who we are; a server that is away is the link's to report. */
async function look() {
  return session.look().catch(() => false);
}

function asFact(element, value, entry, name) {
  write(element, name === "system/clock" && value ? wallClockInWords(value) : textOf(value, entry));
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
  const settings = Object.keys(schema).filter((name) => schema[name].write);
  note(settings.length > 0 && !settings.some(may));
  const cameras = camerasOf(store.names(), store.get("system/main_camera"));
  const wanted = decodeURIComponent(location.hash.slice(1));
  const all = wanted === ALL && cameras.length > 0;
  const chosen = all ? null : cameras.includes(wanted) ? wanted : cameras[0] ?? null;
  view(all, cameras);
  byId("to-recordings").href = `recordings.html${chosen ? `#${encodeURIComponent(chosen)}` : ""}`;
  stage.show(chosen);
  bench.show(chosen);
  strip.show(!all && cameras.length > 1 ? cameras : [], chosen);
  wall.show(all ? cameras : []);
  hang();
  for (const camera of [...about.keys()].filter((one) => !cameras.includes(one))) forget(camera);
  found.allow(mayAdd());
  if (chosen) cameraPanel.show(controlsOf(chosen, schema), extrasOf(chosen));
  else cameraPanel.show([], mayAdd() ? additions() : []);
  systemPanel.show(systemControlsOf(schema));
  const facts = systemFactsOf(schema);
  systemFacts.show(facts.system);
  pluginFacts.show(facts.plugins);
  stage.say(emptiness(chosen));
}

/** One camera, or all of them. */
function view(all, cameras) {
  document.body.dataset.view = all ? "wall" : "camera";
  byId("wall").hidden = !all;
  byId("to-all").hidden = cameras.length < 2 && !mayAdd();
  if (all) byId("to-all").setAttribute("aria-current", "page");
  else byId("to-all").removeAttribute("aria-current");
  if (all) document.title = "All cameras – camd";
}

/** Why there is no picture where one would be, or null. */
function emptiness(chosen) {
  if (chosen) return mayWatch() ? null : { title: "No picture", text: "Watching pictures needs further rights." };
  if (!session.may("Device_r") || session.me.cameras) {
    return { title: "No camera", text: "None is yours to see. Ask whoever administers this camd." };
  }
  return {
    title: "No camera yet",
    text: mayAdd() ? "Plug one in, or add one that is on the network." : "It appears here as soon as somebody adds one.",
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

function hang() {
  const small = [...strip.tiles.values(), ...wall.tiles.values()];
  gallery.hang(mayWatch() ? [...(stage.player ? [stage.player] : []), ...small] : []);
  if (!mayWatch()) for (const { reel } of small) reel.blank();
}

/** [[group, element]]: what a camera has beside its settings. */
function extrasOf(camera) {
  if (!about.has(camera)) {
    about.set(camera, {
      about: new About(camera, store, { change, remove }),
      presets: new Presets(camera, store, call),
      profiles: new Profiles(camera, store, call),
    });
  }
  const { about: known, presets, profiles } = about.get(camera);
  known.show(mayConfigure());
  const has = (rest) => store.schema[`cameras/${camera}/${rest}`] && may(`cameras/${camera}/${rest}`);
  return [
    ...(has("profile") ? [["Profile", profiles.root]] : []),
    ...(has("ptz/presets") ? [["Lens", presets.root]] : []),
    ["Camera", known.root],
  ];
}

/** [[group, element]]: ways to a new camera. */
function additions() {
  const searches = store.get("plugins/discovery") === "ok" && session.may("System_r");
  return [...(searches ? [["On the network", seeking.root]] : []), ["Add a camera", adding.root]];
}

function forget(camera) {
  for (const one of Object.values(about.get(camera))) one.close();
  about.delete(camera);
}

/** Whether cameras are ours to add, to change and to remove. */
function mayConfigure() {
  return session.may("System_rw");
}

function mayAdd() {
  return mayConfigure() && !session.me.cameras;
}

async function add(values) {
  const { id } = await ask("POST", "api/cameras", values);
  choose(id);
}

function change(camera, values) {
  return ask("PATCH", `api/cameras/${encodeURIComponent(camera)}`, values);
}

async function remove(camera) {
  await ask("DELETE", `api/cameras/${encodeURIComponent(camera)}`);
  choose(ALL);
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

/** Find out now whether the server is there. */
function check() {
  link.check();
  feed.check();
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
  for (const tiles of [strip, wall]) tiles.renew();
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
  clock.ask();
  feed.check();
  if (outage.end()) stage.player?.restart();
};
store.watchShape(arrange);
for (const name of ["system/main_camera", "plugins/discovery"]) store.watch(name, arrange);
store.watch("system/name", (name) => write(byId("system-name"), name ?? ""));
stage.onname = (name) => (document.title = name ? `${name} – camd` : "camd");
strip.onchoose = wall.onchoose = choose;
feed.onrefused = look;
byId("camera-controls").addEventListener("draw", ({ detail }) => bench.draw(detail));
addEventListener("hashchange", arrange);
for (const change of ["online", "offline"]) addEventListener(change, check);
addEventListener("pageshow", ({ persisted }) => persisted && check());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  check();
  look(); // much may have happened meanwhile
});
setInterval(() => document.hidden || link.phase !== "open" || look(), ALIVE_EVERY);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the camera
  byId("controls").focus();
});
bindTheme(byId("theme"));
link.connect();
