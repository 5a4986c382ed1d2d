import { Reel } from "../reel.js";

/** The large picture as JPEGs. What a way is, `player.js` says. */
export class Jpeg {
  constructor({ feed, clock, camera, onload, onshape, onfail }) {
    this.reel = new Reel(feed, camera, clock);
    Object.assign(this.reel, { onload, onshape, onend: onfail });
    this.element = this.reel.element;
    this.element.setAttribute("role", "img");
    this.reel.show({});
  }

  get loaded() {
    return this.reel.loaded;
  }

  get size() {
    return [this.reel.width, this.reel.height];
  }

  figures() {
    return this.reel.tally.figures(performance.now());
  }

  close() {
    this.reel.close();
  }
}
