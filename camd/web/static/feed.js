import { Link } from "./link.js";

/** What a binary message holds: a whole JPEG, what comes before the first fragment, a picture as a fragment of MP4. */
export const JPEG = 1;
export const INIT = 2;
export const FRAGMENT = 3;
const HEADER = 16; // bytes: kind, flags, channel, sequence, wall clock
const KEYFRAME = 1;
const CARD = 2;
const LINGER = 5_000; // without anything to show the connection stays open for so long
const CHANNELS = 0x10000;

/**
 * Pictures and video of all cameras over one WebSocket, which is open while somebody wants some. What was
 * asked for is asked for again after a break.
 */
export class Feed {
  constructor({ open, clock = globalThis }) {
    this.clock = clock;
    this.link = new Link({ open, question: { unwatch: CHANNELS - 1 }, clock });
    this.channels = new Map(); // number -> Channel
    this.last = 0;
    this.timer = null;
    this.onrefused = () => {}; // something was refused for want of rights
    this.link.onphase = ({ phase }) => phase === "open" && this.resume();
    this.link.onbinary = (message) => this.receive(message);
    this.link.onnotice = (notice) => this.hear(notice);
  }

  /** The server can be reached. */
  get isOpen() {
    return this.link.phase === "open";
  }

  /**
   * Open a channel. wish: {camera, codec, size, fps, …} as at /api/media; picture(message): called with each
   * {kind, keyframe, card, sequence, wall, data: Uint8Array}; type(mime): what follows is of this type; end(reason): the
   * server gives no more.
   */
  watch(wish, { picture, type = () => {}, end = () => {} }) {
    do this.last = (this.last + 1) % (CHANNELS - 1);
    while (this.channels.has(this.last));
    const channel = new Channel(this, this.last, wish, { picture, type, end });
    this.channels.set(channel.number, channel);
    this.clock.clearTimeout(this.timer);
    if (this.isOpen) this.ask(channel);
    else this.link.connect();
    return channel;
  }

  /** The network changed, or the server is back. */
  check() {
    if (this.channels.size) this.link.check();
  }

  resume() {
    for (const channel of this.channels.values()) this.ask(channel);
  }

  async ask(channel) {
    try {
      const answer = await this.link.request({ watch: { ...channel.wish, channel: channel.number } });
      if (answer.type) channel.type(answer.type);
    } catch (error) {
      if (error.broken) return; // it is asked for again
      if (error.refused) this.onrefused();
      this.finish(channel, error.message);
    }
  }

  drop(channel) {
    if (!this.channels.delete(channel.number)) return;
    if (this.isOpen) this.link.request({ unwatch: channel.number }).catch(() => {});
    if (this.channels.size) return;
    this.clock.clearTimeout(this.timer);
    this.timer = this.clock.setTimeout(() => this.channels.size || this.link.close(), LINGER);
  }

  finish(channel, reason) {
    if (this.channels.get(channel.number) !== channel) return;
    this.drop(channel);
    channel.end(reason);
  }

  hear(notice) {
    const channel = this.channels.get(notice.watching ?? notice.ended);
    if (!channel) return;
    if ("ended" in notice) this.finish(channel, notice.reason ?? "");
    else if (notice.type) channel.type(notice.type);
  }

  receive(message) {
    const view = new DataView(message);
    const flags = view.getUint8(1);
    this.channels.get(view.getUint16(2))?.picture({ // none: it was closed a moment ago
      kind: view.getUint8(0),
      keyframe: Boolean(flags & KEYFRAME),
      card: Boolean(flags & CARD),
      sequence: view.getUint32(4),
      wall: view.getFloat64(8),
      data: new Uint8Array(message, HEADER),
    });
  }
}

/** What one picture of the page is fed from. */
class Channel {
  constructor(feed, number, wish, { picture, type, end }) {
    this.feed = feed;
    this.number = number;
    this.wish = wish;
    this.picture = picture;
    this.type = type;
    this.end = end;
  }

  /** The same in another size or at another rate, without a gap. */
  change(wish) {
    this.wish = wish;
    if (this.feed.isOpen) this.feed.ask(this);
  }

  close() {
    this.feed.drop(this);
  }
}
