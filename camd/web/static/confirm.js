import { copyOf } from "./template.js";

/** Ask before something is done that cannot be undone; a Promise of whether it shall be. */
export function confirmed({ title, text, action }) {
  const { root, part } = copyOf("confirm-template");
  part("title").textContent = title;
  part("text").textContent = text;
  part("yes").textContent = action;
  document.body.append(root);
  root.showModal();
  part("no").focus(); // the harmless one
  return new Promise((resolve) => {
    part("yes").addEventListener("click", () => root.close("yes"));
    part("no").addEventListener("click", () => root.close("no"));
    root.addEventListener("close", () => {
      root.remove();
      resolve(root.returnValue === "yes");
    });
  });
}
