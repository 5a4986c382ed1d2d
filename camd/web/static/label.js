/**
 * Words for people, made from state names and the schema's text. Pure.
 *
 * A device names its controls ("White Balance, Automatic"): such a title becomes the label. A
 * sentence ("Rate asked of the source.") explains, so the label comes from the name and the sentence
 * stands below it.
 */
const WORDS = {
  fps: "frame rate", jpeg: "JPEG", mjpeg: "MJPEG", cpu: "CPU", led: "LED", hdr: "HDR", iso: "ISO",
  ip: "IP", url: "URL", http: "HTTP", https: "HTTPS", websocket: "WebSocket", ws: "WebSocket", rss: "RSS",
  rx: "received", tx: "sent",
  rtsp: "RTSP", id: "ID", onvif: "ONVIF", wamp: "WAMP", webrtc: "WebRTC", tls: "TLS", utc: "UTC",
  mdns: "mDNS", pip: "picture in picture", uuid: "UUID",
};

/** "Brightness of the picture." and "Pictures per second." tell no more than "Brightness" and "Frame rate". */
const FILLERS = ["a", "the", "of", "picture", "pictures", "camera", "image", "per", "second"];

/** The last part of a state name: "brightness" of "cameras/cam1/brightness". */
export function bare(name) {
  return name.slice(name.lastIndexOf("/") + 1);
}

export function labelOf(name, { doc = "" } = {}) {
  const words = isTitle(doc) ? doc.split(/\s+/) : bare(name).split(/[_.-]+/);
  const text = words.map(spoken).join(" ").replace(/,? absolute$/i, "");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The same with what it belongs to before it, unless that is the system: "Storage free" of "storage/free". */
export function fullLabelOf(name, entry = {}) {
  const label = labelOf(name, entry);
  const owner = name.slice(0, name.indexOf("/"));
  if (owner === "system") return label;
  return `${labelOf(owner)} ${/^[A-Z][a-z ]/.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label}`;
}

/** The schema's text where it says more than the label, else "". What a drawn setting is made of, one sees. */
export function helpOf(name, { doc = "" } = {}) {
  if (!doc || isTitle(doc)) return "";
  if (/\/(masks|zones|crop)$/.test(name)) return doc.replace(/:.*$/, ".");
  const known = new Set([...tokens(labelOf(name, { doc })), ...FILLERS]);
  return tokens(doc).every((token) => known.has(token)) ? "" : plain(doc);
}

/** Names that a text means as such are quoted. */
export function plain(doc) {
  return doc.replace(/`([^`]+)`/g, "“$1”");
}

function isTitle(doc) {
  return doc !== "" && !/[.!?]$/.test(doc) && doc.split(/\s+/).length <= 5;
}

function spoken(word) {
  const known = WORDS[word.toLowerCase()];
  if (known) return known;
  return /^[A-Z0-9]{2,}[,:]?$/.test(word) ? word : word.toLowerCase(); // LED1, UVC: as the device says
}

function tokens(text) {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}
