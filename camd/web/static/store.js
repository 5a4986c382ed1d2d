/**
 * What the server's state is, as far as this page knows: values by name, each with the revision it
 * came with, and the schema. Watchers are called once per `schedule`, with the newest value only, so
 * a hundred changes a second cost one redraw a frame. Without DOM and without network.
 */
export class Store {
  /** schedule: runs a function soon and once, e.g. requestAnimationFrame. */
  constructor(schedule = queueMicrotask) {
    this.schedule = schedule;
    this.rev = 0;
    this.boot = null;
    this.schema = {};
    this.entries = new Map(); // name -> {value, rev}
    this.watchers = new Map(); // name -> Set of functions
    this.shapeWatchers = new Set();
    this.changed = new Set();
    this.shapeChanged = false;
    this.scheduled = false;
  }

  get(name) {
    return this.entries.get(name)?.value;
  }

  has(name) {
    return this.entries.has(name);
  }

  /** Names in the order of the schema, those without an entry there last. */
  names() {
    const known = Object.keys(this.schema);
    return [...known, ...[...this.entries.keys()].filter((name) => !(name in this.schema))];
  }

  /** Call `watcher(value)` now and after every change; returns the function that ends it. */
  watch(name, watcher) {
    if (!this.watchers.has(name)) this.watchers.set(name, new Set());
    const watchers = this.watchers.get(name);
    watchers.add(watcher);
    watcher(this.get(name));
    return () => {
      watchers.delete(watcher);
      if (!watchers.size && this.watchers.get(name) === watchers) this.watchers.delete(name);
    };
  }

  /** Call `watcher()` when names come or go or the schema changes. */
  watchShape(watcher) {
    this.shapeWatchers.add(watcher);
  }

  /** The answer to `get` or `since`. Another boot is another daemon: its revisions start anew. */
  load({ values, rev, boot }) {
    if (boot !== this.boot) {
      for (const name of this.entries.keys()) if (!(name in values)) this.remove(name);
      for (const entry of this.entries.values()) entry.rev = -1;
      this.boot = boot;
      this.rev = 0;
    }
    this.merge({ values, rev });
  }

  /** Values that are true as of `rev`, e.g. the answer to a set. */
  merge({ values, rev }) {
    for (const [name, value] of Object.entries(values)) this.put(name, value, rev);
    this.rev = Math.max(this.rev, rev ?? 0);
  }

  /** One change as the server broadcasts it. */
  change({ state: name, value, rev, removed }) {
    if (removed) this.remove(name);
    else this.put(name, value, rev);
    this.rev = Math.max(this.rev, rev ?? 0);
  }

  /** A new schema; what it does not name is gone. */
  describe(schema) {
    this.schema = schema;
    for (const name of this.entries.keys()) if (!(name in schema)) this.remove(name);
    this.shapeChanged = true;
    this.flushSoon();
  }

  put(name, value, rev = this.rev) {
    const entry = this.entries.get(name);
    if (entry && rev < entry.rev) return; // overtaken by a newer change
    this.entries.set(name, { value, rev });
    if (!entry) this.shapeChanged = true;
    else if (Object.is(entry.value, value)) return;
    this.changed.add(name);
    this.flushSoon();
  }

  remove(name) {
    if (!this.entries.delete(name)) return;
    this.shapeChanged = true;
    this.changed.add(name);
    this.flushSoon();
  }

  flushSoon() {
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => this.flush());
  }

  flush() {
    this.scheduled = false;
    const changed = this.changed;
    this.changed = new Set();
    if (this.shapeChanged) {
      this.shapeChanged = false;
      for (const watcher of this.shapeWatchers) watcher();
    }
    for (const name of changed) {
      const value = this.get(name);
      for (const watcher of [...(this.watchers.get(name) ?? [])]) watcher(value);
    }
  }
}
