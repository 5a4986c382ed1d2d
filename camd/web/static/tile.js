import { boxFor } from "./box.js";
import { conditionOf, noticeOf } from "./condition.js";
import { Reel } from "./reel.js";
import { copyOf, light, write } from "./template.js";

const COPY_EVERY = 200; // milliseconds

/** A small live picture of one camera, with its name, what it is doing, and why if it is not well. */
export class Tile {
  constructor(camera, { store, feed, clock, fps, template }) {
    const { root, part } = copyOf(template);
    this.camera = camera;
    this.root = root;
    this.root.dataset.camera = camera;
    this.button = part("button");
    this.fps = fps;
    this.reel = new Reel(feed, camera, clock);
    this.place = part("picture");
    this.place.append(this.reel.element);
    this.original = null; // the same camera's large picture
    this.visible = false;
    this.sizes = new ResizeObserver(() => this.arrange());
    this.sizes.observe(this.place);
    const fact = (name) => store.get(`cameras/${camera}/${name}`);
    const reason = part("reason");
    const look = () => {
      light(part("lamp"), conditionOf(fact("state")));
      if (reason) write(reason, noticeOf({ state: fact("state"), reason: fact("reason") }));
    };
    this.unwatch = [
      store.watch(`cameras/${camera}/name`, (name) => write(part("name"), name || camera)),
      ...["state", "reason"].map((name) => store.watch(`cameras/${camera}/${name}`, look)),
    ];
  }

  get element() {
    return this.place;
  }

  /** Whether somebody could see it. */
  see(visible) {
    this.visible = visible;
    this.arrange();
  }

  /** original: a Player of the same camera that is to be seen as well, which costs nothing to copy; or null. */
  double(original) {
    this.original = original;
    this.arrange();
  }

  arrange() {
    clearInterval(this.timer);
    const width = this.place.clientWidth * devicePixelRatio;
    const copies = this.visible && this.original !== null;
    this.reel.show(this.visible && !copies && width ? { size: boxFor(width), fps: this.fps } : null);
    if (copies) this.timer = setInterval(() => this.copy(width), COPY_EVERY);
  }

  async copy(width) {
    const { original, reel } = this;
    if (!original?.loaded || !original.width) return;
    const size = { resizeWidth: Math.round(width), resizeHeight: Math.round((width * original.height) / original.width) };
    const bitmap = await createImageBitmap(original.source, size).catch(() => null);
    if (!bitmap) return;
    if (this.original === original && this.visible) reel.draw(bitmap, 0);
    else bitmap.close();
  }

  close() {
    for (const end of this.unwatch) end();
    clearInterval(this.timer);
    this.sizes.disconnect();
    this.reel.close();
    this.root.remove();
  }
}
