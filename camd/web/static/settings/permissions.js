/**
 * The permissions in words: eight subjects, of each nothing, seeing or changing. Pure.
 *
 * A permission is called "Media_r" or "Media_rw"; changing includes seeing.
 */
const SEEN = ["No access", "See", "Change"];
export const SUBJECTS = [
  { key: "Device", name: "Cameras", about: "Their state and settings", levels: SEEN },
  { key: "Media", name: "Pictures", about: "Live and recorded", levels: ["No access", "Watch", "Watch and record"] },
  { key: "User", name: "People", about: "Users, roles, tokens, audit log", levels: SEEN },
  { key: "Network", name: "Network", about: "Names and addresses", levels: SEEN },
  { key: "Storage", name: "Files", about: "What is kept of pictures", levels: ["No access", "See", "See and delete"] },
  { key: "System", name: "System", about: "Status, configuration, certificate", levels: SEEN },
  { key: "FirmwareUpdate", name: "Updates", about: "Of camd itself", levels: ["No access", "See", "Install"] },
  { key: "Reboot", name: "Restart", about: "Of cameras and of the system", levels: ["No", null, "Yes"] },
];
const SEE = 1;
const CHANGE = 2;

/** 0, 1 or 2 of the subject with this key. */
export function levelOf(key, permissions) {
  if (permissions.includes(`${key}_rw`)) return CHANGE;
  return permissions.includes(`${key}_r`) ? SEE : 0;
}

/** The permissions that a level stands for. */
export function permissionsAt(key, level) {
  const names = key === "Reboot" ? [[], [], ["Reboot_rw"]] : [[], [`${key}_r`], [`${key}_r`, `${key}_rw`]];
  return names[level];
}

/** "Changes cameras and pictures, sees files, restarts" */
export function inWords(permissions) {
  const at = (level) => SUBJECTS.filter(({ key }) => key !== "Reboot" && levelOf(key, permissions) === level)
    .map(({ name }) => name.toLowerCase());
  const [changes, sees, restarts] = [at(CHANGE), at(SEE), levelOf("Reboot", permissions) === CHANGE];
  if (changes.length === SUBJECTS.length - 1 && restarts) return "May do everything";
  const parts = [];
  if (changes.length) parts.push(`change ${listed(changes)}`);
  if (sees.length) parts.push(`see ${listed(sees)}`);
  if (restarts) parts.push("restart");
  return parts.length ? `May ${parts.join("; ")}` : "May do nothing";
}

/** "cameras, pictures and files" */
export function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
