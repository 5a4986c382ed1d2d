import { addressOf, Copyable } from "../copyable.js";
import { copyOf } from "../template.js";

/** Show a new token, this once, with addresses that are ready to use. cameras: [{id, name}] that it may see. */
export function showMade({ token, name, permissions }, cameras) {
  const { root, part } = copyOf("made-template");
  part("title").textContent = `Token “${name}”`;
  part("secret").append(new Copyable("Token", token).root);
  const watches = permissions.includes("Media_r");
  part("camera-field").hidden = !watches || cameras.length < 2;
  part("camera").append(...cameras.map((camera) => new Option(camera.name, camera.id)));
  const show = () => {
    const pictures = watches ? picturesOf(part("camera").value) : [];
    const addresses = [...pictures, ["Live state (WebSocket)", socketAddress()]];
    const copyables = addresses.map(([label, address]) => new Copyable(label, withToken(address, token)).root);
    part("addresses").replaceChildren(...copyables);
  };
  part("camera").addEventListener("change", show);
  show();
  root.addEventListener("cancel", (event) => event.preventDefault()); // Escape would lose it for good
  root.addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
  part("close").addEventListener("click", () => root.close());
  document.body.append(root);
  root.showModal();
  return new Promise((resolve) => root.addEventListener("close", () => resolve(root.remove())));
}

/** Of a camera, or of the main one if we know of none. */
function picturesOf(camera) {
  const snapshot = camera ? `cam/${camera}/snapshot.jpg` : "snapshot";
  const stream = camera ? `cam/${camera}/stream.mjpg` : "stream";
  return [["Single picture (JPEG)", addressOf(snapshot)], ["Stream (MJPEG)", addressOf(stream)]];
}

function socketAddress() {
  return addressOf("api").replace(/^http/, "ws");
}

function withToken(address, token) {
  return `${address}?token=${encodeURIComponent(token)}`;
}
