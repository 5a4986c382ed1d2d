const PAGE = 1_000;
const MOST_PAGES = 20; // of a day; more is said to be missing

/** What is recorded on one day: records, gaps and tags of all cameras, as far as we may see them. */
export class Archive {
  /** ask: as of Session. */
  constructor(ask) {
    this.ask = ask;
    this.onchange = () => {};
    this.clear(null);
  }

  clear(day) {
    this.day = day;
    this.records = new Map(); // id -> record
    this.sorted = new Map(); // camera -> its records in the order of time
    this.gaps = [];
    this.tags = [];
    this.complete = true;
    this.known = 0; // everything that ended before is known
  }

  /** The records of a camera, in the order of time, but for those that have only begun. */
  of(camera) {
    if (!this.sorted.has(camera)) {
      const ours = [...this.records.values()].filter((record) => record.camera === camera
        && (record.media_type !== "video" || record.timestamp_end > record.timestamp_start));
      this.sorted.set(camera, ours.sort((one, other) => one.timestamp_start - other.timestamp_start));
    }
    return this.sorted.get(camera);
  }

  gapsOf(camera) {
    return this.gaps.filter((gap) => gap.camera === camera);
  }

  tagsOf(camera) {
    return this.tags.filter((tag) => tag.camera === camera || tag.camera === null);
  }

  /** Another day. Rejected with RestError. */
  async open(day) {
    this.clear(day);
    await this.read(day.start);
  }

  /** What is new since the last time. */
  async refresh() {
    if (this.day) await this.read(Math.max(this.day.start, this.known));
  }

  async read(since) {
    const { day } = this;
    const time = `start=${day.start}&end=${day.end}`;
    const [records, { gaps }, { tags }] = await Promise.all([
      this.recordsOf(since, day.end),
      this.ask("GET", `api/recordings/gaps?${time}`),
      this.ask("GET", `api/recordings/tags?${time}`),
    ]);
    if (day !== this.day) return; // another one was chosen meanwhile
    for (const record of records) this.records.set(record.id, record);
    this.sorted.clear();
    const growing = records.filter(({ state }) => state === "recording").map((record) => record.timestamp_start);
    this.known = Math.max(this.known, Math.min(...growing, ...records.slice(0, 1).map((record) => record.timestamp_start)));
    if (!Number.isFinite(this.known)) this.known = since;
    this.gaps = gaps;
    this.tags = tags;
    this.onchange();
  }

  async recordsOf(start, end) {
    const found = [];
    let cursor = "";
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const more = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await this.ask("GET", `api/recordings?start=${start}&end=${end}&per_page=${PAGE}${more}`);
      found.push(...answer.recordings);
      cursor = answer.pagination.cursor;
      if (!cursor) return found;
    }
    this.complete = false;
    return found;
  }

  forget(id) {
    this.records.delete(id);
    this.sorted.clear();
    this.onchange();
  }
}
