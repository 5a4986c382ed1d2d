import { partOf, write } from "./template.js";

/**
 * Who is signed in, and what is theirs: settings and the way out. A disclosure rather than an ARIA
 * menu, so that links stay links. For guests there is the way to sign in. What on the page bears
 * data-needs is shown to those who hold these permissions.
 */
export class Menu {
  /** root: a <details>; signIn: the link in its place. */
  constructor(root, signIn, session) {
    this.root = root;
    this.signIn = signIn;
    this.session = session;
    partOf(root, "leave").addEventListener("click", () => this.leave());
    document.addEventListener("click", ({ target }) => root.contains(target) || (root.open = false));
    root.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !root.open) return;
      root.open = false;
      partOf(root, "title").focus();
    });
    root.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !root.contains(relatedTarget)) root.open = false;
    });
    for (const link of root.querySelectorAll("a")) link.addEventListener("click", () => (root.open = false));
    const here = document.querySelector(`.bar a[href="${location.pathname.split("/").at(-1)}"]`);
    here?.setAttribute("aria-current", "page");
  }

  show() {
    const { root, session } = this;
    root.hidden = !session.isSignedIn;
    this.signIn.hidden = session.isSignedIn;
    write(partOf(root, "name"), session.me.username);
    for (const item of document.querySelectorAll("[data-needs]")) {
      item.hidden = !item.dataset.needs.split(" ").every((permission) => session.may(permission));
    }
  }

  async leave() {
    const error = partOf(this.root, "error");
    write(error, "");
    await this.session.leave().catch((reason) => write(error, reason.message));
  }
}
