import { Control } from "./control.js";
import { Reading } from "./reading.js";
import { copyOf } from "./template.js";

const KEY = "camd.groups";
/** Groups that few need every day. */
const CLOSED_AT_FIRST = ["Overlay", "Motion", "Recording", "When and how", "Main rendition", "Small rendition", "ONVIF", "WebRTC"];

/**
 * Groups of controls; what somebody may not change is there to read. Which groups somebody opened or closed
 * is kept in this browser.
 */
export class Panel {
  /** send(name, value): as of Control; may(name): whether whoever sits here may set that name. */
  constructor(root, store, { send, may }) {
    this.root = root;
    this.store = store;
    this.send = send;
    this.may = may;
    this.controls = [];
    this.extras = [];
    this.shape = "";
  }

  /**
   * groups: [[title, names]]; extras: [[title, element]], other things after the controls of their group. Built
   * anew only if something differs, for that ends a drag; the focus is kept.
   */
  show(groups, extras = []) {
    const shape = JSON.stringify(groups.map(([title, names]) => [title, names.map((name) => this.outline(name))]));
    const same = extras.length === this.extras.length && extras.every(([, element], place) => element === this.extras[place]);
    if (shape === this.shape && same) return;
    this.shape = shape;
    this.extras = extras.map(([, element]) => element);
    const focused = this.root.contains(document.activeElement) ? document.activeElement.id : "";
    for (const control of this.controls.splice(0)) control.close();
    for (const group of this.root.querySelectorAll(".group")) group.remove();
    const bodies = new Map(groups.map(([title, names]) => [title, names.map((name) => this.control(name).root)]));
    for (const [title, element] of extras) bodies.set(title, [...(bodies.get(title) ?? []), element]);
    for (const [title, elements] of bodies) this.group(title, elements);
    if (focused) document.getElementById(focused)?.focus();
  }

  control(name) {
    const entry = this.store.schema[name];
    const control = this.may(name)
      ? new Control(name, entry, this.store, this.send)
      : new Reading(name, entry, this.store);
    this.controls.push(control);
    return control;
  }

  /** What makes a control look as it does: all of its schema but the state of the last request. */
  outline(name) {
    const { target, status, ...entry } = this.store.schema[name];
    return [name, entry, this.may(name)];
  }

  group(title, elements) {
    const { root, part } = copyOf("group-template");
    part("title").textContent = title;
    part("body").append(...elements);
    root.open = remembered()[title] ?? !CLOSED_AT_FIRST.includes(title);
    root.addEventListener("toggle", () => remember(title, root.open));
    this.root.append(root);
  }
}

/** {title: open} of the groups that somebody touched. */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no storage, or not ours
  }
}

function remember(title, open) {
  const groups = remembered();
  if (open === (groups[title] ?? !CLOSED_AT_FIRST.includes(title))) return;
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...groups, [title]: open }));
  } catch {
    // without storage all groups are next time as they are at first
  }
}
