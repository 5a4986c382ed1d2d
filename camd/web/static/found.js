import { bestModes, modeInWords } from "./mode.js";
import { copyOf, write } from "./template.js";

/** Cameras that are plugged in and not in use: one click adds one. */
export class Found {
  /** add(values): a Promise of the new camera. */
  constructor(root, store, add) {
    this.root = root;
    this.add = add;
    this.devices = new Map(); // id -> {root, part}
    this.allowed = false;
    store.watch("system/devices", (devices) => this.show(devices ?? []));
  }

  show(devices) {
    const free = devices.filter(({ camera }) => !camera);
    const ids = free.map(({ id }) => id);
    for (const [id, { root }] of this.devices) {
      if (ids.includes(id)) continue;
      root.remove();
      this.devices.delete(id);
    }
    for (const device of free) {
      if (!this.devices.has(device.id)) this.devices.set(device.id, this.entry(device));
      const { part } = this.devices.get(device.id);
      write(part("name"), device.name);
      const [best] = bestModes(device.modes ?? []);
      write(part("detail"), [device.node, device.error || (best && modeInWords(best))].filter(Boolean).join(" · "));
    }
    this.arrange();
  }

  /** allowed: whether whoever sits here may add one. */
  allow(allowed) {
    this.allowed = allowed;
    this.arrange();
  }

  arrange() {
    this.root.hidden = !this.allowed || this.devices.size === 0;
  }

  entry({ name, address }) {
    const { root, part } = copyOf("found-template");
    write(part("add-what"), ` ${name}`);
    part("add").addEventListener("click", async () => {
      part("add").disabled = true;
      write(part("error"), "");
      try {
        await this.add({ source: address, name });
      } catch (error) {
        write(part("error"), error.message);
      }
      part("add").disabled = false;
    });
    this.root.append(root);
    return { root, part };
  }
}
