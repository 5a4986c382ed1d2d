import { clockTime } from "./quantity.js";

/**
 * What a camera is doing, in a word and a tone. The tone picks colour and shape of the lamp, so
 * neither word nor colour stands alone. Pure.
 */
const CONDITIONS = {
  streaming: { word: "Live", tone: "good", says: "" },
  idle: { word: "Ready", tone: "calm", says: "Ready; nobody is watching." },
  opening: { word: "Opening", tone: "busy", says: "Opening the camera." },
  stalled: { word: "Stalled", tone: "warn", says: "The camera sends no pictures." },
  backoff: { word: "Retrying", tone: "warn", says: "The camera failed; trying again." },
  absent: { word: "Away", tone: "bad", says: "The camera is not there." },
  disabled: { word: "Off", tone: "off", says: "The camera is switched off." },
};
const UNKNOWN = { word: "Unknown", tone: "off", says: "" };

export function conditionOf(state) {
  return CONDITIONS[state] ?? UNKNOWN;
}

/** What to say about a camera that gives no picture; "" for one that does or could. */
export function noticeOf({ state, reason, since }) {
  const { says, tone } = conditionOf(state);
  if (tone === "good" || tone === "calm" || !says) return "";
  const text = (reason || says).replace(/([^.?!])$/, "$1.");
  return since ? `${text} Since ${clockTime(since)}.` : text;
}
