import { Tile } from "./tile.js";

/** Small pictures of cameras, to choose from: the strip below the large one, and the wall of all of them. */
export class Tiles {
  /** options: what a Tile needs: {store, feed, clock, hearing, fps, template}. */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.tiles = new Map(); // camera -> Tile
    this.chosen = null;
    this.onchoose = () => {};
  }

  /** cameras: ids in order; chosen: the one that is shown large, or null. */
  show(cameras, chosen = null) {
    for (const [camera, tile] of this.tiles) {
      if (cameras.includes(camera)) continue;
      tile.close();
      this.tiles.delete(camera);
    }
    for (const [place, camera] of cameras.entries()) {
      if (!this.tiles.has(camera)) this.tiles.set(camera, this.tile(camera));
      const { root, button } = this.tiles.get(camera);
      const there = this.root.children[place] ?? null;
      if (there !== root) this.root.insertBefore(root, there); // moving a tile would take its focus
      if (camera === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this.root.hidden = cameras.length === 0;
    if (chosen !== this.chosen) this.bring(chosen);
    this.chosen = chosen;
  }

  /** Into sight, in a row that is longer than the page is wide. */
  bring(camera) {
    const { offsetLeft: left = 0, offsetWidth: width = 0 } = this.tiles.get(camera)?.root ?? {};
    const { scrollLeft: from, clientWidth: seen } = this.root;
    if (left < from || left + width > from + seen) this.root.scrollLeft = left - (seen - width) / 2;
  }

  /** The same pictures afresh, where the server gave no more: rights may be others now. */
  renew() {
    for (const tile of this.tiles.values()) tile.arrange();
  }

  tile(camera) {
    const tile = new Tile(camera, this.options);
    tile.button.addEventListener("click", () => this.onchoose(camera));
    return tile;
  }
}
