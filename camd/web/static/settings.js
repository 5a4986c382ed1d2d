import { Link } from "./link.js";
import { Menu } from "./menu.js";
import { signInFrom } from "./place.js";
import { Session } from "./session.js";
import { Account } from "./settings/account.js";
import { Audit } from "./settings/audit.js";
import { Backup } from "./settings/backup.js";
import { Certificate } from "./settings/certificate.js";
import { Recorders } from "./settings/recorders.js";
import { Roles } from "./settings/roles.js";
import { Tokens } from "./settings/tokens.js";
import { Users } from "./settings/users.js";
import { light, write } from "./template.js";
import { bindTheme } from "./theme.js";

/** Builds the settings and leads from one to the other. A section is {show(): Promise}. */
const SECTIONS = {
  account: Account, tokens: Tokens, recorders: Recorders, users: Users, roles: Roles, certificate: Certificate,
  backup: Backup, audit: Audit,
};
const byId = (id) => document.getElementById(id);

const session = new Session();
session.ask = session.ask.bind(session);
const link = new Link({
  open: () => new WebSocket(new URL("api", document.baseURI).href.replace(/^http/, "ws")),
  watched: () => false, // an open settings page is not in use by itself
});
const menu = new Menu(byId("account-menu"), byId("sign-in"), session);
const links = new Map([...byId("places").querySelectorAll("[href^='#']")].map((one) => [one.hash.slice(1), one]));
const roots = new Map([...document.querySelectorAll("[data-section]")].map((root) => [root.dataset.section, root]));
const sections = new Map(Object.entries(SECTIONS).map(([name, Section]) => [
  name, new Section(roots.get(name), { session, cameras }),
]));
let present = null;

/** [{id, name}] of the cameras that we may know. */
async function cameras() {
  return session.may("Device_r") ? (await session.ask("GET", "api/cameras")).cameras : [];
}

/** Show the section that the address names. */
async function arrange() {
  const wanted = location.hash.slice(1);
  const name = links.has(wanted) && !links.get(wanted).hidden ? wanted : "account";
  const moved = present !== null && name !== present;
  present = name;
  for (const [other, one] of links) {
    if (other === name) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  links.get(name).scrollIntoView({ block: "nearest", inline: "center" });
  document.title = `${links.get(name).textContent} – camd`;
  write(byId("trouble"), "");
  try {
    await sections.get(name).show();
  } catch (error) {
    if (session.leaving) return;
    write(byId("trouble"), error.message);
  }
  if (name !== present) return; // somebody was faster
  for (const [other, root] of roots) root.hidden = other !== name;
  if (moved) roots.get(name).querySelector("h1").focus();
}

/** Rights changed, at first from none. */
function review() {
  if (!session.isSignedIn) return session.go(signInFrom(location.href));
  menu.show();
  byId("settings").hidden = false;
  return arrange();
}

async function look() {
  return session.look().catch((error) => {
    if (session.me === null && !session.leaving) write(byId("trouble"), error.message);
    return false;
  });
}

/** The link tells when the session ends; of changes the sections ask for themselves. */
link.onphase = async ({ phase }) => {
  document.body.dataset.phase = phase;
  light(byId("link"), phase === "open" ? { word: "Connected", tone: "good" }
    : phase === "connecting" ? { word: "Connecting", tone: "busy" } : { word: "Disconnected", tone: "bad" });
  if (phase === "connecting" || !(await look()) || phase !== "open") return;
  await link.request({ subscribe: [] }).catch(() => {});
  const { values } = await link.request({ get: ["system/name*"] }).catch(() => ({ values: {} }));
  write(byId("system-name"), values["system/name"] ?? "");
};
link.onrights = look;
session.onchange = review;
addEventListener("hashchange", arrange);
document.addEventListener("visibilitychange", () => document.hidden || link.check());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("content").focus();
});
bindTheme(byId("theme"));
link.connect();
