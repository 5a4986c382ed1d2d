import { iceServersIn } from "./ice.js";
import { Screen } from "./screen.js";

const GATHERING = 1_000; // milliseconds; on a local network all candidates are there at once
const LOOK_EVERY = 1_000;
const NTP = 2_208_988_800_000; // milliseconds from 1900 to 1970

/** H.264 over WebRTC, asked for by WHEP. */
export class WebRtc {
  constructor({ clock, camera, onload, onshape, onfail }) {
    this.clock = clock;
    this.onfail = onfail;
    this.delay = null;
    this.screen = new Screen({ onload, onshape, onfail, delayOf: () => this.delay });
    this.element = this.screen.element;
    this.peer = new RTCPeerConnection();
    const { receiver } = this.peer.addTransceiver("video", { direction: "recvonly" });
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0; // live rather than smooth
    this.element.srcObject = new MediaStream([receiver.track]);
    this.peer.addEventListener("connectionstatechange", () => {
      if (this.peer.connectionState === "failed") onfail("No way through the network by UDP.");
    });
    this.timer = setInterval(() => this.measure(receiver), LOOK_EVERY);
    this.open(new URL(`cam/${encodeURIComponent(camera)}/whep`, document.baseURI)).catch((error) => this.fail(error.message));
  }

  get loaded() {
    return this.screen.loaded;
  }

  get size() {
    return this.screen.size;
  }

  figures() {
    return this.screen.figures();
  }

  async open(address) {
    const { peer } = this;
    const [iceServers, offer] = await Promise.all([serversAt(address), peer.createOffer()]);
    if (this.screen.closed) return;
    if (iceServers.length) peer.setConfiguration({ iceServers });
    await peer.setLocalDescription(offer); // from here on addresses are looked for
    await gathered(peer);
    if (this.screen.closed) return;
    const response = await fetch(address, {
      method: "POST", headers: { "Content-Type": "application/sdp" }, body: peer.localDescription.sdp,
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(refusal(response, text));
    this.session = new URL(response.headers.get("Location"), address);
    if (this.screen.closed) return this.leave();
    await peer.setRemoteDescription({ type: "answer", sdp: text });
  }

  fail(reason) {
    if (!this.screen.closed) this.onfail(reason);
  }

  /** When the picture that is shown now was taken, the browser knows from the sender's reports. */
  async measure(receiver) {
    for (const report of (await receiver.getStats()).values()) {
      const taken = report.estimatedPlayoutTimestamp;
      if (report.type === "inbound-rtp" && taken) this.delay = this.clock.since((taken - NTP) / 1000);
    }
  }

  close() {
    clearInterval(this.timer);
    this.screen.close();
    this.leave().finally(() => this.peer.close());
  }

  /** The server is told before the connection ends, by which it would notice, too. */
  async leave() {
    const { session } = this;
    this.session = null;
    if (session) await fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
  }
}

/** Asked for before the offer: browsers take no others once they look for addresses. */
async function serversAt(address) {
  const response = await fetch(address, { method: "OPTIONS" }).catch(() => null);
  return response?.ok ? iceServersIn(response.headers.get("Link")) : [];
}

function gathered(peer) {
  return new Promise((resolve) => {
    const look = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", look);
    setTimeout(resolve, GATHERING);
    look();
  });
}

function refusal({ status }, text) {
  if (status === 404) return "This server has no WebRTC.";
  try {
    return JSON.parse(text).error.message;
  } catch {
    return `The server refused (${status}).`;
  }
}
