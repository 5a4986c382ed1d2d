import { rounded } from "../quantity.js";
import { copyOf, partOf, write } from "../template.js";
import { EXPLAINED, TITLES } from "./way.js";

/** The menu that tells how the picture comes, why, and how well; and lets one choose. A disclosure. */
export class Ways {
  constructor(root) {
    this.root = root;
    this.player = null;
    this.options = new Map(["auto", ...Object.keys(TITLES)].map((way) => [way, this.option(way)]));
    partOf(root, "options").append(...[...this.options.values()].map(({ root: element }) => element));
    document.addEventListener("click", ({ target }) => root.contains(target) || (root.open = false));
    root.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !root.open) return;
      root.open = false;
      partOf(root, "title").focus();
    });
    root.addEventListener("toggle", () => root.open && this.show(this.player));
  }

  /** player: whose ways these are, or null. */
  show(player) {
    this.player = player;
    if (!player) return;
    write(partOf(this.root, "way"), TITLES[player.name] ?? "–");
    write(partOf(this.root, "why"), player.why);
    const { hindered, failed } = player;
    for (const [way, { input, note }] of this.options) {
      input.checked = way === player.chosen;
      input.disabled = Boolean(hindered[way]);
      write(note, hindered[way] || failed.get(way) || EXPLAINED[way] || "What suits the camera and this browser");
    }
    this.measure(player);
  }

  measure(player) {
    if (!this.root.open) return;
    const { fps, delay } = player.figures();
    const shown = fps === null ? "" : `${rounded(fps)} pictures a second`;
    const late = delay === null ? "" : `${Math.round(delay)} ms after they were taken`;
    write(partOf(this.root, "figures"), [shown, late].filter(Boolean).join(", "));
  }

  option(way) {
    const { root, part } = copyOf("way-template");
    const input = part("input");
    input.value = way;
    write(part("title"), TITLES[way] ?? "Automatic");
    input.addEventListener("change", () => this.player?.choose(way));
    return { root, input, note: part("note") };
  }
}
