// Plays channel 1 of /api/media by Media Source Extensions, close to the moment; results are in `window.played`.
// The buffer reaches HOLD beyond the newest picture, since nobody knows when the next one comes.
const HOLD = 1.0;
const played = window.played = {pictures: 0, types: [], inits: 0, cards: 0, lost: 0, delays: [], problems: []};
const video = window.video = document.body.appendChild(document.createElement("video"));
const media = new MediaSource();
const waiting = [];
let buffer, next, first;

video.muted = video.playsInline = true;
video.onerror = () => played.problems.push(video.error.message);
video.src = URL.createObjectURL(media);
media.onsourceopen = () => {
  const socket = window.socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "api/media"));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => socket.send(JSON.stringify({watch: {channel: 1, camera: "cam1", codec: "h264", ...window.wish}}));
  socket.onmessage = ({data}) => typeof data === "string" ? told(JSON.parse(data)) : picture(data);
};

function told(message) {
  if (message.error) played.problems.push(message);
  if (!message.type) return;
  played.types.push(message.type);
  if (buffer) waiting.push(() => buffer.changeType(message.type));
  else {
    buffer = media.addSourceBuffer(message.type);
    buffer.onupdateend = append;
  }
}

function picture(data) {
  const [kind, flags, sequence, wall] = (({getUint8, getUint32, getFloat64}, view) =>
    [getUint8.call(view, 0), getUint8.call(view, 1), getUint32.call(view, 4), getFloat64.call(view, 8)]
  )(DataView.prototype, new DataView(data));
  if (kind === 2) played.inits += 1;
  if (kind === 3) {
    first ??= wall;
    played.pictures += 1;
    played.cards += flags >> 1 & 1;
    played.lost += next === undefined ? 0 : sequence - next;
    next = sequence + 1;
  }
  waiting.push(() => { buffer.appendBuffer(new Uint8Array(data, 16)); return true; });
  append();
}

function append() {
  while (waiting.length && !buffer.updating) waiting.shift()();
  if (!video.buffered.length) return;
  const edge = video.buffered.end(video.buffered.length - 1) - HOLD;
  const late = edge - video.currentTime;
  if (late > 0.25) video.currentTime = edge - 0.05;
  video.playbackRate = late > 0.12 ? 1.08 : 1;
  if (video.paused) video.play().catch((error) => played.problems.push(String(error)));
  if (edge - video.buffered.start(0) > 30 && !buffer.updating) buffer.remove(0, edge - 10);
}

let start;
const shown = (now, {mediaTime}) => {
  start ??= video.buffered.start(0);
  played.delays.push(Date.now() / 1000 - (first + mediaTime - start));
  video.requestVideoFrameCallback(shown);
};
video.requestVideoFrameCallback(shown);
