import { camerasOf, controlsOf } from "./catalogue.js";
import { Panel } from "./panel.js";
import { Shell } from "./shell.js";
import { partOf, write } from "./template.js";
import { Archive } from "./timeline/archive.js";
import { Clip } from "./timeline/clip.js";
import { dayFrom, dayOf, later } from "./timeline/day.js";
import { Piece } from "./timeline/piece.js";
import { Playback } from "./timeline/playback.js";
import { Preview } from "./timeline/preview.js";
import { Recorder } from "./timeline/recorder.js";
import { Room } from "./timeline/room.js";
import { Strip } from "./timeline/strip.js";
import { Tags } from "./timeline/tags.js";
import { Timeline } from "./timeline/timeline.js";

/** Builds the page of what was recorded, and wires its parts. Its address is `#<camera>/<day>`. */
const LOOK_EVERY = 10_000; // at what is recorded meanwhile
const STEP = 10_000; // of the buttons beside "play"
const BEFORE_THE_END = 10_000; // where the newest begins
const byId = (id) => document.getElementById(id);

const shell = new Shell();
const { store, session } = shell;
const archive = new Archive(shell.ask);
const records = (camera) => archive.of(camera);
const timeline = new Timeline(byId("timeline"), archive);
const preview = new Preview(byId("preview"), records);
const strip = new Strip(byId("strip"));
const playback = new Playback(byId("playback"), records);
const clip = new Clip(byId("clip"), records);
const tags = new Tags(byId("tags"), shell.ask);
const recorder = new Recorder(byId("recorder"), store, (...call) => shell.call(...call));
const settings = new Panel(byId("recorder-settings"), store, {
  send: (...change) => shell.send(...change), may: (name) => shell.maySet(name),
});
const piece = new Piece(byId("piece"), shell.ask);
const room = new Room(byId("room"), store);
let opened = null; // the day that is shown
let begun = false; // a moment was shown

/** {camera, day} that the address names; the main camera and today, where it names none. */
function wanted() {
  const [camera, key = ""] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const cameras = camerasOf(store.names(), store.get("system/main_camera"));
  return { cameras, camera: cameras.includes(camera) ? camera : cameras[0] ?? null, day: dayFrom(key) ?? dayOf(Date.now()) };
}

function go(camera, day) {
  history.replaceState(null, "", `#${encodeURIComponent(camera ?? "")}/${day.key}`);
  return arrange();
}

/** Names or rights changed, or another place was chosen. */
async function arrange() {
  const may = session.may("Media_r");
  byId("recordings").hidden = !may;
  byId("refused").hidden = may || session.me === null;
  if (!may || !shell.mirror.ready) return;
  const { cameras, camera, day } = wanted();
  timeline.show(cameras.map((id) => ({ id, name: nameOf(id) })));
  choose(camera);
  if (opened?.key !== day.key) await open(day, camera);
  else if (begun && camera !== playback.camera) playback.seek(camera, playback.moment);
  draw();
}

function nameOf(camera) {
  return store.get(`cameras/${camera}/name`) || camera;
}

/** What belongs to the camera that is shown. */
function choose(camera) {
  write(byId("name"), camera ? nameOf(camera) : "No camera");
  document.title = `${camera ? `${nameOf(camera)}: recordings` : "Recordings"} – camd`;
  const mayChange = session.may("Media_rw");
  recorder.show(camera, mayChange);
  const groups = camera ? controlsOf(camera, store.schema).filter(([group]) => group === "Recording") : [];
  settings.show(groups.map(([, names]) => ["When and how", names.filter((name) => !/\/(state|snapshot)$/.test(name))]));
}

async function open(day, camera) {
  opened = day;
  byId("day").value = day.key;
  byId("day").max = dayOf(Date.now()).key;
  byId("after").disabled = day.end > Date.now();
  timeline.open(day);
  if (!(await attempt(() => archive.open(day))) || opened !== day) return;
  const last = records(camera).at(-1);
  const start = last ? Math.max(last.timestamp_start, last.timestamp_end - BEFORE_THE_END) : day.start;
  playback.seek(camera, begun && !last ? day.start : start);
  begun = true;
}

/** Whether it was done; why not is said. */
async function attempt(work) {
  try {
    await work();
    write(byId("trouble"), archive.complete ? "" : "There is more on this day than is shown here.");
    return true;
  } catch (error) {
    if (!session.leaving) write(byId("trouble"), error.message);
    return false;
  }
}

function draw() {
  timeline.draw();
  strip.show(records(playback.camera));
  clip.show();
  const { camera } = playback;
  tags.show(archive.tagsOf(camera), session.may("Media_rw"));
  look();
}

/** It plays or not, and what it shows. */
function look() {
  const { playing, record } = playback;
  byId("play").querySelector(".icon").dataset.icon = playing ? "pause" : "play";
  byId("play").title = playing ? "Pause" : "Play";
  write(partOf(byId("play"), "label"), byId("play").title);
  strip.mark(record);
  piece.show(record && (archive.records.get(record.id) ?? record), session.may("Storage_rw"));
}

function seek(camera, moment, done = true) {
  const other = camera !== playback.camera;
  playback.seek(camera, moment, done);
  if (!other) return;
  history.replaceState(null, "", `#${encodeURIComponent(camera)}/${opened.key}`);
  choose(camera);
  draw();
}

function refresh() {
  return attempt(() => archive.refresh());
}

archive.onchange = draw;
timeline.onseek = seek;
timeline.onpoint = (camera, ...place) => (camera ? preview.show(camera, ...place) : preview.hide());
strip.onseek = (moment) => seek(playback.camera, moment);
clip.onchange = (range) => timeline.select(range);
tags.onseek = (moment) => seek(playback.camera, moment);
tags.onchange = refresh;
piece.ondelete = (id) => {
  archive.forget(id);
  playback.load();
};
playback.onchange = look;
playback.onend = refresh;
playback.onmove = (moment) => {
  const { camera } = playback;
  write(byId("moment"), new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }));
  timeline.point(camera, moment);
  clip.point(camera, moment);
  tags.point(camera, moment);
};
byId("play").addEventListener("click", () => playback.toggle());
byId("rate").addEventListener("change", () => playback.setRate());
byId("back").addEventListener("click", () => seek(playback.camera, playback.moment - STEP));
byId("forward").addEventListener("click", () => seek(playback.camera, playback.moment + STEP));
byId("before").addEventListener("click", () => go(playback.camera, later(opened, -1)));
byId("after").addEventListener("click", () => go(playback.camera, later(opened, 1)));
byId("day").addEventListener("change", ({ target }) => dayFrom(target.value) && go(playback.camera, dayFrom(target.value)));
byId("now").addEventListener("click", async () => {
  opened = null;
  await go(playback.camera, dayOf(Date.now()));
  playback.play();
});
shell.onready = arrange;
shell.onchange = arrange;
store.watchShape(arrange);
addEventListener("hashchange", arrange);
setInterval(() => {
  if (!document.hidden && opened && opened.end > Date.now() && shell.mirror.ready && session.may("Media_r")) refresh();
}, LOOK_EVERY);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  partOf(byId("timeline"), "body").focus();
});
shell.open();
