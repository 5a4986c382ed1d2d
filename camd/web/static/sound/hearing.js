import { Ear, TYPE } from "./ear.js";

const KEY = "camd.hearing";

/**
 * Which camera is heard: one at most, and none until somebody wants to. The choice is kept as long as the browser's tab is
 * open; after a reload the browser may say no to what starts by itself, and then none is heard.
 */
export class Hearing {
  constructor({ feed }) {
    this.feed = feed;
    this.camera = null;
    this.ear = null;
    this.reason = ""; // why it ended by itself
    this.watchers = new Set();
    this.wanted = stored();
  }

  /** Whether this browser can play it. */
  get able() {
    return (window.MediaSource ?? window.ManagedMediaSource)?.isTypeSupported(TYPE) ?? false;
  }

  /** Call watcher() after every change; returns the function that ends it. */
  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** This camera has sound: it may be the one that was chosen before. */
  offer(camera) {
    if (camera !== this.wanted) return;
    this.wanted = null;
    this.choose(camera);
  }

  toggle(camera) {
    this.choose(camera === this.camera ? null : camera);
  }

  /** camera: its id, or null for silence. */
  choose(camera) {
    this.wanted = null;
    remember(camera);
    this.reason = "";
    this.turnTo(camera);
  }

  turnTo(camera) {
    this.ear?.close();
    this.camera = camera;
    this.ear = camera && new Ear({ feed: this.feed, camera, onend: (reason) => this.end(reason) });
    for (const watcher of this.watchers) watcher();
  }

  end(reason) {
    this.reason = reason;
    this.turnTo(null);
  }
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage may be forbidden; the page works without memory
  }
}

function remember(camera) {
  try {
    if (camera) sessionStorage.setItem(KEY, camera);
    else sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}
