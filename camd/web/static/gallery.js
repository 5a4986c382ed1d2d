import { LIVE_PICTURES, modesOf } from "./budget.js";

/** All pictures of the page, each told how to show itself: by what is visible and what the budget allows. */
export class Gallery {
  constructor() {
    this.items = []; // {picture, large, doubled}
    this.visible = new Set(); // elements
    this.narrow = matchMedia("(max-width: 719px)");
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.visible.add(target);
        else this.visible.delete(target);
      }
      this.update();
    });
    this.narrow.addEventListener("change", () => this.update());
    document.addEventListener("visibilitychange", () => this.update());
  }

  /** items: [{picture, large, doubled}] in the order of the page. */
  hang(items) {
    const elements = new Set(items.map(({ picture }) => picture.element));
    for (const { picture } of this.items) {
      if (elements.has(picture.element)) continue;
      this.observer.unobserve(picture.element);
      this.visible.delete(picture.element);
    }
    this.items = items;
    for (const element of elements) this.observer.observe(element);
    this.update();
  }

  /** Every picture anew: the server was away. */
  restart() {
    for (const { picture } of this.items) if (picture.mode !== "off") picture.restart();
  }

  update() {
    const frugal = this.narrow.matches || navigator.connection?.saveData;
    const pictures = this.items.map(({ picture, large, doubled }) => ({
      key: picture, visible: this.visible.has(picture.element), large, doubled,
    }));
    const modes = modesOf(pictures, { hidden: document.hidden, live: frugal ? 1 : LIVE_PICTURES });
    const original = this.items.find(({ large }) => large)?.picture;
    for (const [picture, mode] of modes) picture.show(mode, original);
  }
}
