/** All pictures of the page, each told whether somebody could see it: what nobody sees costs nothing. */
export class Gallery {
  constructor() {
    this.items = new Map(); // element -> picture
    this.visible = new Set(); // elements
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.visible.add(target);
        else this.visible.delete(target);
      }
      this.update();
    });
    document.addEventListener("visibilitychange", () => this.update());
  }

  /** pictures: all there are now, each with `element` and see(visible). */
  hang(pictures) {
    const items = new Map(pictures.map((picture) => [picture.element, picture]));
    for (const [element, picture] of this.items) {
      if (items.get(element) === picture) continue;
      this.observer.unobserve(element);
      this.visible.delete(element);
      picture.see(false);
    }
    for (const element of items.keys()) if (!this.items.has(element)) this.observer.observe(element);
    this.items = items;
    this.update();
  }

  update() {
    for (const [element, picture] of this.items) picture.see(!document.hidden && this.visible.has(element));
  }
}
