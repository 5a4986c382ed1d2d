import { rounded } from "./quantity.js";

/** What a camera can deliver, in words. Pure. */
const CODECS = { mjpeg: "JPEG", h264: "H.264", hevc: "H.265", yuyv422: "YUYV", nv12: "NV12", bgr: "uncompressed" };

/** "1280 × 720, JPEG, up to 30 fps" */
export function modeInWords({ codec, width, height, rates }) {
  const most = Math.max(0, ...rates);
  const rate = most ? [`${rates.length > 1 ? "up to " : ""}${rounded(most)} fps`] : [];
  return [`${width} × ${height}`, CODECS[codec] ?? codec, ...rate].join(", ");
}

/** The largest picture of each codec, the best first. */
export function bestModes(modes) {
  const best = new Map();
  for (const mode of modes) {
    const other = best.get(mode.codec);
    if (!other || mode.width * mode.height > other.width * other.height) best.set(mode.codec, mode);
  }
  return [...best.values()].sort((one, other) => other.width * other.height - one.width * one.height);
}
