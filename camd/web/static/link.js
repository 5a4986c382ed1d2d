import { Backoff } from "./backoff.js";

const QUIET = 15_000; // after this long without a message, ask whether anybody is there
const PATIENCE = 5_000; // and this long an answer or an opening may take

/** The answer of a server that refused, or of a link that broke. */
export class LinkError extends Error {
  constructor(message, { key = null, broken = false, refused = false } = {}) {
    super(message);
    this.key = key;
    this.broken = broken;
    this.refused = refused; // for want of rights
  }
}

/**
 * The WebSocket to the server, reopened for as long as the page lives. Requests are matched to their
 * answers by `id`; what has no id is a change. A browser does not tell when a network silently
 * vanished, so a quiet link is asked for a sign of life.
 *
 * onphase({phase: "connecting" | "open" | "waiting" | "closed", delay, reason}); onchange(message); onrights()
 * when the server says that ours are others now; onnotice(message) for what else it tells unasked;
 * onbinary(ArrayBuffer).
 */
export class Link {
  /** watched(): whether somebody looks; unwatched, nothing is asked, for a question keeps the session alive. */
  constructor({ open, watched = () => true, question = { get: [] }, clock = globalThis, backoff = new Backoff() }) {
    this.openSocket = open;
    this.question = question; // any that is answered, as a sign of life
    this.watched = watched;
    this.clock = clock;
    this.backoff = backoff;
    this.onphase = () => {};
    this.onchange = () => {};
    this.onrights = () => {};
    this.onnotice = () => {};
    this.onbinary = () => {};
    this.socket = null;
    this.phase = "closed";
    this.pending = new Map(); // id -> {resolve, reject}
    this.lastId = 0;
    this.timer = null;
  }

  /** Try now, unless a connection is open or under way. */
  connect() {
    if (this.socket) return;
    this.clock.clearTimeout(this.timer);
    this.enter("connecting");
    const socket = this.openSocket();
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let opened = false;
    socket.onopen = () => {
      if (socket !== this.socket) return; // abandoned while it opened
      opened = true;
      this.backoff.reset();
      this.listen();
      this.enter("open");
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(event.data);
    };
    socket.onclose = (event) => this.lose(socket, reasonOf(event, opened));
    this.timer = this.clock.setTimeout(() => this.abandon("The server does not answer."), PATIENCE);
  }

  /** Send an object; a Promise of the answer, rejected with LinkError. */
  request(message) {
    if (this.phase !== "open") return Promise.reject(new LinkError("Not connected", { broken: true }));
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ ...message, id }));
    });
  }

  /** The network changed or the page woke up: find out now whether the server is still there. */
  check() {
    if (this.phase === "open") this.probe();
    else this.connect();
  }

  receive(data) {
    this.listen();
    if (typeof data !== "string") return this.onbinary(data);
    const message = JSON.parse(data);
    const waiting = this.pending.get(message.id);
    if (!waiting) {
      if ("state" in message) this.onchange(message);
      else if ("authenticated" in message) this.onrights();
      else this.onnotice(message);
      return;
    }
    this.pending.delete(message.id);
    if ("error" in message) {
      const refused = message.error === "Permission denied" || message.error === "Unauthorized";
      waiting.reject(new LinkError(message.message || message.error, { key: message.key ?? null, refused }));
    } else {
      waiting.resolve(message);
    }
  }

  listen() {
    this.clock.clearTimeout(this.timer);
    this.timer = this.clock.setTimeout(() => (this.watched() ? this.probe() : this.listen()), QUIET);
  }

  probe() {
    this.request(this.question).catch(() => {});
    this.clock.clearTimeout(this.timer);
    this.timer = this.clock.setTimeout(() => this.abandon("The server stopped answering."), PATIENCE);
  }

  /** Give a socket up without waiting for its closing handshake, which may never come. */
  abandon(reason) {
    const socket = this.socket;
    if (!socket) return;
    this.lose(socket, reason);
    socket.close();
  }

  /** Close it, until somebody connects again. */
  close() {
    const socket = this.socket;
    this.forget();
    this.enter("closed");
    socket?.close();
  }

  forget() {
    this.socket = null;
    this.clock.clearTimeout(this.timer);
    for (const { reject } of this.pending.values()) reject(new LinkError("Connection lost", { broken: true }));
    this.pending.clear();
  }

  lose(socket, reason) {
    if (socket !== this.socket) return;
    this.forget();
    const delay = this.backoff.next();
    this.timer = this.clock.setTimeout(() => this.connect(), delay);
    this.enter("waiting", { delay, reason });
  }

  enter(phase, detail = {}) {
    this.phase = phase;
    this.onphase({ phase, ...detail });
  }
}

/** Why a socket closed, for people. event: a CloseEvent; opened: it had been open. */
export function reasonOf({ code, reason }, opened) {
  if (!opened) return "No connection to the server.";
  if (code === 4401) return "Your session has ended.";
  if (code === 1001) return "The server is stopping or restarting.";
  if (code === 1008) return reason || "The server ended the connection.";
  return "The connection was lost.";
}
