import { boxFor } from "./box.js";
import { conditionOf, noticeOf } from "./condition.js";
import { Reel } from "./reel.js";
import { Loudspeaker } from "./sound/loudspeaker.js";
import { copyOf, light, write } from "./template.js";

/** A small live picture of one camera, with its name, what it is doing, and why if it is not well. */
export class Tile {
  constructor(camera, { store, feed, clock, hearing, fps, template }) {
    const { root, part } = copyOf(template);
    this.camera = camera;
    this.root = root;
    this.root.dataset.camera = camera;
    this.button = part("button");
    this.fps = fps;
    this.reel = new Reel(feed, camera, clock);
    this.place = part("picture");
    this.place.append(this.reel.element);
    this.reel.element.ariaHidden = "true"; // the button has a name
    this.loudspeaker = new Loudspeaker(camera, {
      button: part("sound"), label: part("sound-label"), sign: part("microphone"),
    }, { store, hearing });
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

  arrange() {
    const width = this.place.clientWidth * devicePixelRatio;
    const fps = navigator.connection?.saveData ? 1 : this.fps;
    this.reel.show(this.visible && width ? { size: boxFor(width), fps } : null);
  }

  close() {
    for (const end of this.unwatch) end();
    this.loudspeaker.close();
    this.sizes.disconnect();
    this.reel.close();
    this.root.remove();
  }
}
