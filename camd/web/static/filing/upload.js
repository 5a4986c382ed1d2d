import { bytes, duration } from "../quantity.js";
import { copyOf, write } from "../template.js";
import { escaped, within } from "./name.js";

/** One file on its way to the server, with its progress; XMLHttpRequest, since `fetch` tells nothing of what was sent. */
export class Upload {
  /** onend(upload): it is there, or was given up. */
  constructor(file, folder, name) {
    const { root, part } = copyOf("upload-template");
    this.root = root;
    this.part = part;
    this.file = file;
    this.address = `files${escaped(within(folder, name))}`;
    this.onend = () => {};
    this.onrefused = () => {};
    this.done = false;
    write(part("name"), name);
    write(part("cancel-label"), `Cancel ${name}`);
    part("cancel").addEventListener("click", () => this.cancel());
    part("replace").addEventListener("click", () => this.replace());
    this.say("Waiting", "off");
  }

  /** A Promise that ends when it does, however. */
  send(overwrite = false) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.request = request;
      this.begun = performance.now();
      request.upload.onprogress = ({ loaded }) => this.tell(loaded);
      request.onload = () => this.answer(request);
      request.onerror = () => this.fail("The connection was lost, or the server refused it.");
      request.onabort = () => this.end();
      request.onloadend = resolve;
      request.open("PUT", `${this.address}?overwrite=${overwrite}`);
      request.setRequestHeader("Content-Type", "application/octet-stream"); // no form of another page can send it
      request.send(this.file);
      this.tell(0);
    });
  }

  tell(loaded) {
    const { size } = this.file;
    const share = size ? loaded / size : 1;
    const seconds = (performance.now() - this.begun) / 1000;
    this.part("progress").value = share;
    const left = seconds > 2 && share > 0 && share < 1 ? `, ${duration(Math.ceil((seconds / share) * (1 - share)))} left` : "";
    this.say(share < 1 ? `${bytes(loaded)} of ${bytes(size)}${left}` : "Writing to the disk", "busy");
  }

  answer({ status, responseText }) {
    if (status === 200 || status === 201) {
      this.part("progress").value = 1;
      this.say("Done", "good");
      return this.end(true);
    }
    const { code, message } = contentOf(responseText);
    if (status === 401 || code === "SETUP_REQUIRED") this.onrefused();
    this.part("replace").hidden = status !== 409;
    this.fail(status === 409 ? "There is one of this name already." : sentence(message) || `The server refused (${status}).`);
  }

  fail(text) {
    this.say(text, "bad");
    this.part("progress").hidden = true;
  }

  say(text, tone) {
    this.root.dataset.tone = tone;
    write(this.part("word"), text);
  }

  cancel() {
    if (this.request && this.request.readyState !== XMLHttpRequest.DONE) this.request.abort();
    else this.end();
  }

  async replace() {
    this.part("replace").hidden = true;
    this.part("progress").hidden = false;
    await this.send(true);
  }

  end(done = false) {
    this.done = true;
    this.onend(this, done);
  }
}

function contentOf(text) {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {}; // a proxy answered in its own words
  }
}

function sentence(message = "") {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return text.replace(/([^.?!])$/, "$1.");
}
