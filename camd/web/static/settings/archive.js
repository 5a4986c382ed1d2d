/** What is in a backup, as its list says; nothing else of it is unpacked. Knows neither DOM nor network. */
export const LARGEST = 4 << 20; // of an archive that is restored from here (bytes); the command takes larger ones
const LIST = "camd.json";
const LARGEST_LIST = 64 << 10;
const [END, ENTRY] = [0x06054b50, 0x02014b50]; // PKWARE APPNOTE 4.3.16 and 4.3.12
const [END_SIZE, ENTRY_SIZE, HEAD_SIZE] = [22, 46, 30];
const DEFLATED = 8;

const CONTENTS = [
  [/^config\.toml$/, "configuration"],
  [/^state\.json$/, "settings of cameras and plugins"],
  [/^camd\.db$/, "users, roles and tokens"],
  [/^index\.json$/, "tags of recordings"],
  [/^secret\.key$/, "key of stored passwords"],
  [/^tls\//, "certificate"],
];

/** A Promise of {created, camd, encrypted, files}; rejected with an Error that says why it is no backup. */
export async function contentsOf(file) {
  if (file.size > LARGEST) {
    throw new Error(`It has more than ${LARGEST >> 20} MiB. Use the command: camd restore ${file.name}`);
  }
  const list = await listIn(await file.arrayBuffer()).catch(() => null);
  if (!Number.isInteger(list?.format)) throw new Error("This is no backup of camd, or it is damaged.");
  const { created, camd, encryption, files } = list;
  return { created: Date.parse(created), camd: String(camd), encrypted: Boolean(encryption), files: Object.keys(files ?? {}) };
}

/** "Configuration; users, roles and tokens" */
export function filesInWords(files) {
  const found = CONTENTS.filter(([pattern]) => files.some((name) => pattern.test(name))).map(([, words]) => words);
  const text = found.join("; ") || "nothing";
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function listIn(buffer) {
  const view = new DataView(buffer);
  let end = buffer.byteLength - END_SIZE;
  while (view.getUint32(end, true) !== END) end -= 1; // behind it there may be a comment; at -1 this throws
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0 && view.getUint32(at, true) === ENTRY; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (textOf(new Uint8Array(buffer, at + ENTRY_SIZE, name)) === LIST) return JSON.parse(await unpacked(view, at));
    at += ENTRY_SIZE + name + extra + comment;
  }
  return null;
}

async function unpacked(view, entry) {
  const [size, head] = [view.getUint32(entry + 20, true), view.getUint32(entry + 42, true)];
  if (size > LARGEST_LIST) throw new Error("too large");
  const start = head + HEAD_SIZE + view.getUint16(head + 26, true) + view.getUint16(head + 28, true);
  const packed = new Blob([new Uint8Array(view.buffer, start, size)]);
  if (view.getUint16(entry + 10, true) !== DEFLATED) return packed.text();
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
}

function textOf(bytes) {
  return new TextDecoder().decode(bytes);
}
