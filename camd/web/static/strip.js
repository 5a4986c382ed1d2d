import { Picture } from "./picture.js";
import { conditionOf } from "./condition.js";
import { copyOf, light, write } from "./template.js";

/** Small pictures of all cameras, to choose the large one from. One camera needs no strip. */
export class Strip {
  constructor(root, store) {
    this.root = root;
    this.store = store;
    this.tiles = new Map(); // camera -> {root, button, picture, unwatch}
    this.onchoose = () => {};
  }

  /** cameras: ids in order; chosen: the one shown large. */
  show(cameras, chosen) {
    const wanted = cameras.length > 1 ? cameras : [];
    for (const [camera, tile] of this.tiles) {
      if (wanted.includes(camera)) continue;
      for (const end of tile.unwatch) end();
      tile.picture.close();
      tile.root.remove();
      this.tiles.delete(camera);
    }
    for (const [place, camera] of wanted.entries()) {
      if (!this.tiles.has(camera)) this.tiles.set(camera, this.tile(camera));
      const { root, button } = this.tiles.get(camera);
      const there = this.root.children[place] ?? null;
      if (there !== root) this.root.insertBefore(root, there); // moving a tile would take its focus
      if (camera === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this.root.hidden = wanted.length === 0;
  }

  tile(camera) {
    const { root, part } = copyOf("tile-template");
    const prefix = `cameras/${camera}/`;
    const picture = new Picture({
      stream: `cam/${camera}/stream.mjpg`, snapshot: `cam/${camera}/snapshot.jpg`, alt: "",
    });
    part("picture").append(picture.element);
    const button = part("button");
    button.addEventListener("click", () => this.onchoose(camera));
    const unwatch = [
      this.store.watch(`${prefix}name`, (name) => write(part("name"), name || camera)),
      this.store.watch(`${prefix}state`, (state) => light(part("lamp"), conditionOf(state))),
    ];
    return { root, button, picture, unwatch };
  }
}
