import { Upload } from "./upload.js";

const AT_ONCE = 2;
const SEEN = 3_000; // how long one that is done stays to be seen

/** Files on their way, two at a time; folders that are dropped come with all that is in them. */
export class Uploads {
  /** onadded(): something is there that was not; onrefused(): the session has ended. */
  constructor(root) {
    this.root = root;
    this.waiting = [];
    this.running = 0;
    this.onadded = () => {};
    this.onrefused = () => {};
    addEventListener("beforeunload", (event) => {
      if (this.running) event.preventDefault(); // "leave the page?"
    });
  }

  /** files: [{file, name}]; a name may have folders. */
  add(files, folder) {
    for (const { file, name } of files) {
      const upload = new Upload(file, folder, name);
      upload.onend = (_, done) => this.end(upload, done);
      upload.onrefused = () => this.onrefused();
      this.root.append(upload.root);
      this.waiting.push(upload);
    }
    this.next();
  }

  async next() {
    if (this.running >= AT_ONCE) return;
    const upload = this.waiting.shift();
    if (!upload) return;
    if (!upload.done) {
      this.running += 1;
      this.next();
      await upload.send();
      this.running -= 1;
    }
    this.next();
  }

  end(upload, done) {
    if (done) this.onadded();
    setTimeout(() => upload.root.remove(), done ? SEEN : 0);
  }
}

/** [{file, name}] of what was dropped. Must be called within the event, for what it holds is gone afterwards. */
export function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return Promise.resolve([...files].map((file) => ({ file, name: file.name })));
  return Promise.all(entries.map((entry) => filesIn(entry))).then((found) => found.flat());
}

async function filesIn(entry, folder = "") {
  const name = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), name }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...await filesIn(one, `${name}/`));
  }
}
