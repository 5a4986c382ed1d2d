import { confirmed } from "./confirm.js";
import { Listing } from "./filing/listing.js";
import { escaped, folderIn, trailOf, within } from "./filing/name.js";
import { Uploads, dropped } from "./filing/uploads.js";
import { bytes } from "./quantity.js";
import { counted } from "./settings/moment.js";
import { Shell } from "./shell.js";
import { write } from "./template.js";

/** Builds the page of files and wires its parts. Its address is `#<folder>`. */
const PAGE = 200; // entries that are asked for at once
const PAUSE = 300; // after the last key of a filter, milliseconds
const byId = (id) => document.getElementById(id);

const shell = new Shell();
const { store, session } = shell;
const listing = new Listing(byId("list"), byId("every"));
const uploads = new Uploads(byId("uploads"));
let folder = "/";
let pages = 1;
let timer = null;
let asked = 0; // the number of the last question: older answers are of no interest

function mayChange() {
  return session.may("Storage_rw");
}

/** Rights changed, or another folder was chosen. */
async function arrange() {
  const may = session.may("Storage_r");
  byId("filing").hidden = !may;
  byId("refused").hidden = may || session.me === null;
  for (const tool of ["pick", "delete", "new-folder"]) byId(tool).hidden = !mayChange();
  if (!may) return;
  const wanted = folderIn(location.hash);
  if (wanted !== folder) {
    folder = wanted;
    pages = 1;
    byId("filter").value = "";
  }
  document.title = `${trailOf(folder).at(-1).name} – camd`;
  byId("trail").hidden = folder === "/";
  byId("trail").replaceChildren(...trailOf(folder).map(step));
  await read();
}

function step({ name, path }) {
  const link = document.createElement("a");
  link.href = `#${escaped(path)}`;
  link.textContent = name;
  if (path === folder) link.setAttribute("aria-current", "page");
  return link;
}

async function read() {
  const number = ++asked;
  const filter = byId("filter").value.trim();
  const question = new URLSearchParams({ directory: folder, per_page: PAGE * pages });
  if (filter) question.set("filter", filter.includes("*") ? filter : `*${filter}*`);
  try {
    const found = await shell.ask("GET", `api/files?${question}`).catch(absent);
    if (number !== asked) return;
    write(byId("trouble"), "");
    listing.show(folder, found.files);
    byId("more").hidden = found.pagination.pages <= 1 || PAGE * pages >= 1000;
    byId("nothing").hidden = found.files.length > 0;
    const empty = mayChange() ? `Nothing here yet. ${found.absent ? "The first file makes this folder." : "Drop files, or use Upload."}`
      : "Nothing here.";
    write(byId("nothing"), filter ? "Nothing here has such a name." : empty);
  } catch (error) {
    if (number !== asked || session.leaving) return;
    write(byId("trouble"), error.message);
  }
}

/** A folder that nobody made yet, or somebody removed, is empty. */
function absent(error) {
  if (error.status !== 404) throw error;
  return { files: [], pagination: { pages: 1 }, absent: true };
}

function room() {
  const [count, used] = ["files/count", "files/used"].map((name) => store.get(name));
  write(byId("room"), used == null ? "" : `${counted(count ?? 0, "file")}, ${bytes(used)}`);
}

function choose(paths) {
  byId("zip").disabled = byId("delete").disabled = paths.length === 0;
  write(byId("zip"), paths.length > 1 ? `Download ${paths.length} as ZIP` : "Download");
}

/** One file as it is; several, or a folder, as a ZIP. */
function download() {
  const paths = [...listing.chosen];
  const only = paths.length === 1 && listing.entries.find(({ name }) => paths[0].endsWith(`/${name}`));
  const link = document.createElement("a");
  link.href = only && only.type === "file" ? `files${escaped(paths[0])}`
    : `api/files/zip?${new URLSearchParams(paths.map((path) => ["path", path]))}`;
  link.download = "";
  link.click();
}

async function remove() {
  const paths = [...listing.chosen];
  const sure = await confirmed({
    title: paths.length === 1 ? `Delete ${paths[0].split("/").at(-1)}?` : `Delete ${paths.length} entries?`,
    text: "Folders go with all that is in them. It cannot be undone.",
    action: "Delete",
  });
  if (!sure) return;
  let trouble = "";
  for (const path of paths) {
    await shell.ask("DELETE", `files${escaped(path)}?recursive=true`).catch((error) => (trouble ||= error.message));
  }
  await read();
  if (trouble) write(byId("trouble"), trouble);
}

/** Soon, and once for many changes. */
function readSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => session.may("Storage_r") && !document.hidden && read(), PAUSE);
}

function take(files) {
  if (files.length) uploads.add(files, folder);
}

/** Files that are pulled over the page. Another page's text or pictures are none. */
const pulls = (event) => mayChange() && event.dataTransfer?.types.includes("Files");
addEventListener("dragover", (event) => {
  if (!pulls(event)) return;
  event.preventDefault();
  byId("shelf").classList.add("over");
});
addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || byId("shelf").classList.remove("over"));
addEventListener("drop", async (event) => {
  byId("shelf").classList.remove("over");
  if (!pulls(event)) return;
  event.preventDefault();
  const found = dropped(event.dataTransfer);
  take(await found.catch(() => []));
});
byId("chosen").addEventListener("change", ({ target }) => {
  take([...target.files].map((file) => ({ file, name: file.name })));
  target.value = ""; // the same once more is another upload
});
byId("zip").addEventListener("click", download);
byId("delete").addEventListener("click", remove);
byId("filter").addEventListener("input", readSoon);
byId("new-folder").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = escaped(within(folder, byId("folder-name").value.trim()));
  event.target.reset();
});
byId("more").addEventListener("click", () => {
  pages += 1;
  read();
});
listing.onchoose = choose;
uploads.onadded = readSoon;
uploads.onrefused = () => shell.look();
for (const name of ["files/count", "files/used"]) store.watch(name, room);
store.watch("files/last", readSoon);
shell.onready = readSoon;
shell.onchange = arrange;
addEventListener("hashchange", arrange);
document.addEventListener("visibilitychange", readSoon);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("list").focus();
});
shell.open();
