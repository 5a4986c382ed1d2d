import { write } from "../template.js";

const LOOK_EVERY = 1_000;
const PATIENCE = 60_000;

/**
 * camd ends and is started again, by systemd or whoever does that; until then there is a bar that goes to and fro.
 * Sessions and the account may be others then: to see to that is the link's, which comes back by itself.
 */
export class Starting {
  /** root: hidden until it is needed; word, bar: its parts. */
  constructor(root, word) {
    this.root = root;
    this.word = word;
  }

  /** A Promise, fulfilled when camd was away and is there again. */
  async wait(reason) {
    const begun = performance.now();
    let gone = false;
    this.root.hidden = false;
    write(this.word, `${reason} camd starts again …`);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      const answers = await fetch("health", { cache: "no-store" }).then(() => true, () => false);
      if (gone && answers) break;
      gone ||= !answers;
      if (performance.now() - begun > PATIENCE) {
        write(this.word, gone ? "camd is not back yet. If nothing starts it by itself, start it. With another certificate, load this "
          + "page anew." : "camd has not ended yet.");
      }
    }
    this.root.hidden = true;
  }
}
