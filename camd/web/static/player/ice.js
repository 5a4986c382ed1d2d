/** The STUN and TURN servers that a WHEP server offers in its `Link` header (RFC 9725 section 4.6). Pure. */
const TEXT = String.raw`"(?:[^"\\]|\\.)*"|[^\s",;]+`;
const LINK = new RegExp(String.raw`<((?:stun|turn)s?:[^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:${TEXT}))*)`, "gi");
const PARAMETER = new RegExp(String.raw`([\w-]+)\s*=\s*(${TEXT})`, "g");

/** For RTCPeerConnection's iceServers; header: all links, null without one. */
export function iceServersIn(header) {
  return [...(header ?? "").matchAll(LINK)].map(([, urls, told]) => {
    const { rel, username, credential } = parametersIn(told);
    return { rel, server: username === undefined ? { urls } : { urls, username, credential: credential ?? "" } };
  }).filter(({ rel }) => rel === "ice-server").map(({ server }) => server);
}

function parametersIn(text) {
  return Object.fromEntries([...text.matchAll(PARAMETER)].map(([, name, value]) => [name.toLowerCase(), plain(value)]));
}

function plain(text) {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}
