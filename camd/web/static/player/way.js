/**
 * How a camera's picture comes to this browser: which ways there are, in which order they are tried, and why.
 * Pure.
 */
export const TITLES = { jpeg: "JPEG", mse: "H.264", webrtc: "WebRTC" };
export const EXPLAINED = {
  jpeg: "Single pictures",
  mse: "Video over the page's connection (MSE)",
  webrtc: "Video over UDP, for poor networks",
};
const LACKS = {
  mse: "This browser plays no H.264 by MSE.",
  webrtc: "This browser has no WebRTC.",
};
const NOT_OFFERED = "It is switched off on the server.";
const TYPE = 'video/mp4; codecs="avc1.42E01E"';

/** What a browser can. scope: its window. */
export function abilitiesOf(scope) {
  const source = scope.MediaSource ?? scope.ManagedMediaSource; // iPhones have the second only
  return { mse: source?.isTypeSupported(TYPE) ?? false, webrtc: typeof scope.RTCPeerConnection === "function", jpeg: true };
}

/** way -> why it cannot be, "" if it can. able: as above; offered: way -> false if the server does not. */
export function hindrances(able, offered = {}) {
  return Object.fromEntries(Object.keys(TITLES).map((way) => [
    way, !able[way] ? LACKS[way] : offered[way] === false ? NOT_OFFERED : "",
  ]));
}

/**
 * [[way, why]]: what to try, the best first. chosen: "auto" or a way; format: what the camera gives, as far as
 * that is known; hindered: as above; failed: Map way -> what went wrong.
 */
export function waysOf({ chosen = "auto", format = null, hindered = {}, failed = new Map() }) {
  const order = preferred(format);
  const ways = chosen === "auto" ? order : [[chosen, "Chosen here."], ...order.filter(([way]) => way !== chosen)];
  const possible = ways.filter(([way]) => !hindered[way] && !failed.has(way));
  const before = ways.find(([way]) => hindered[way] || failed.has(way));
  return possible.map(([way, why]) => {
    if (!before || ways.findIndex(([one]) => one === way) < ways.indexOf(before)) return [way, why];
    const [lost] = before;
    return [way, `${TITLES[lost]} does not work here: ${failed.get(lost) || hindered[lost]}`];
  });
}

/** JPEG of a camera that gives it, or of one that nobody has opened yet, costs the server nothing. */
function preferred(format) {
  if (format === null || format === "mjpeg") {
    return [["jpeg", "The camera's own pictures, as they are."], ["mse", ""], ["webrtc", ""]];
  }
  const why = format === "h264" ? "The camera's own video, as it is." : "A tenth of the data of single pictures.";
  return [["mse", why], ["webrtc", why], ["jpeg", "It works everywhere."]];
}
