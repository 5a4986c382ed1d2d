/**
 * Keeps a Store equal to the server's state over a Link: everything at first, what was missed after
 * a break, and the schema again whenever the server says that it changed.
 */
const SCHEMA_REVISION = "system/schema";

export class Mirror {
  constructor(link, store) {
    this.link = link;
    this.store = store;
    this.ready = false; // the store is the server's state as of now
    this.onready = () => {};
    link.onchange = (message) => store.change(message);
    store.watch(SCHEMA_REVISION, (revision) => {
      if (this.ready && revision !== this.revision) this.describe();
    });
  }

  /** The link opened. Errors of a link that broke meanwhile are the link's to report. */
  async open() {
    const { store } = this;
    const question = store.boot === null ? { get: ["*"] } : { since: store.rev, boot: store.boot };
    try {
      // Both at once: the server answers in order, and a change in between has a higher revision.
      const [state] = await Promise.all([
        this.link.request(question).then((answer) => (store.load(answer), answer)),
        this.describe(),
      ]);
      this.ready = true;
      this.onready(state);
    } catch (error) {
      if (!error.broken) throw error;
    }
  }

  close() {
    this.ready = false;
  }

  async describe() {
    const { link, store } = this;
    this.revision = store.get(SCHEMA_REVISION);
    try {
      const { schema } = await link.request({ schema: true });
      store.describe(schema);
      const unknown = Object.keys(schema).filter((name) => !store.has(name));
      if (unknown.length) store.merge(await link.request({ get: unknown }));
    } catch (error) {
      if (!error.broken) throw error;
    }
  }
}
