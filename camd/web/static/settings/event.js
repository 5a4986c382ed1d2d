import { inWords } from "./permissions.js";

/** Entries of the audit log in words. Pure. */
const EVENTS = {
  login: ["Signed in", "access"],
  logout: ["Signed out", "access"],
  login_refused: ["Sign-in refused", "access refusal"],
  locked: ["Locked out", "access refusal"],
  setup: ["Set camd up", "access people"],
  setup_refused: ["Wrong setup code", "access refusal"],
  user_add: ["Added a user", "people"],
  user_change: ["Changed a user", "people"],
  user_remove: ["Removed a user", "people"],
  role_set: ["Set a role", "people"],
  role_remove: ["Removed a role", "people"],
  token_create: ["Made a token", "people"],
  token_revoke: ["Revoked a token", "people"],
  password_change: ["Changed the password", "people"],
  device_password_show: ["Looked at a device password", "people"],
  device_password_renew: ["Made a device password", "people"],
  setup_code_renew: ["Made a setup code", "people"],
  certificate_install: ["Installed a certificate", "people"],
  certificate_self_sign: ["Made a self-signed certificate", "people"],
  backup: ["Made a backup", "people"],
  restore: ["Restored a backup", "people"],
  entries_lost: ["Entries were lost", "refusal"],
  set: ["Set", "change"],
  call: ["Called", "change"],
  refused: ["Refused", "refusal"],
};
const SHOWN_APART = new Set(["time", "event", "by", "address"]);

/** Most browsers claim to be others, too: the first that fits is it. */
const BROWSERS = [
  [/Edg\/(\d+)/, "Edge"], [/OPR\/(\d+)/, "Opera"], [/Firefox\/(\d+)/, "Firefox"], [/Chrome\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
const SYSTEMS = ["Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux"];
const SYSTEM_NAMES = { Macintosh: "macOS" };

/** {what, kinds, detail}: the event, the kinds that it is of, and the rest of the entry as one text. */
export function eventInWords(entry) {
  const [what, kinds] = EVENTS[entry.event] ?? [spoken(entry.event), "change"];
  const rest = Object.entries(entry).filter(([key]) => !SHOWN_APART.has(key) && (key !== "user" || entry.user !== entry.by));
  rest.sort(([one], [other]) => Number(other === "user") - Number(one === "user")); // whom it is about comes first
  const details = rest.map(([key, value]) => detail(key, value)).filter(Boolean);
  return { what, kinds: kinds.split(" "), detail: details.join(", ") };
}

function detail(key, value) {
  if (key === "values") return Object.entries(value).map(([name, set]) => `${name} = ${plain(set)}`).join(", ");
  if (key === "permissions") return inWords(value).toLowerCase();
  if (key === "additional_permissions") return `besides ${inWords(value).toLowerCase()}`;
  if (key === "password") return "new password";
  if (key === "enabled") return value ? "may sign in" : "may not sign in";
  if (key === "cameras") return value === null ? "all cameras" : `cameras ${value.join(", ") || "none"}`;
  if (key === "agent") return browserOf(value);
  if (key === "token" || key === "sha256") return ""; // the name tells more
  if (["user", "name", "method", "path", "call", "subject"].includes(key)) return plain(value);
  return `${spoken(key).toLowerCase()} ${plain(value)}`;
}

/** "Firefox 140, Windows": the two things of a User-Agent that tell one's own devices apart. */
export function browserOf(agent) {
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent));
  if (!browser) return agent;
  const [pattern, name] = browser;
  const system = SYSTEMS.find((one) => agent.includes(one));
  return `${name} ${pattern.exec(agent)[1]}${system ? `, ${SYSTEM_NAMES[system] ?? system}` : ""}`;
}

function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function spoken(word) {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
