/** What is recorded, as times. Pure; records are those of the REST API, in the order of time, times Unix milliseconds. */

const JOINT = 1_000; // files of one recording follow each other so closely
const LONGEST = 10 * 60_000; // is asked for in one go
const HOUR = 3_600_000;
const MOST = 300; // are shown as pictures

export function isVideo(record) {
  return record.media_type === "video";
}

/**
 * [{start, end, kind}]: times in which something is recorded. What is nearer to each other than `slack` is
 * drawn as one: nobody sees the difference, and pictures that are taken now and then become a line.
 */
export function spansOf(records, slack = JOINT) {
  const spans = [];
  const last = new Map(); // kind -> span
  for (const { kind, timestamp_start: start, timestamp_end: end } of records) {
    const before = last.get(kind);
    if (before && start - before.end <= slack) {
      before.end = Math.max(before.end, end);
      continue;
    }
    const span = { start, end, kind };
    last.set(kind, span);
    spans.push(span);
  }
  return spans;
}

/** The record that shows this moment: a video, else the latest picture of at most `reach` before. */
export function recordAt(records, moment, reach = 0) {
  const covers = (record) => record.timestamp_start <= moment && moment < record.timestamp_end;
  const video = records.find((record) => isVideo(record) && covers(record));
  if (video) return video;
  return records.findLast((record) => !isVideo(record)
    && record.timestamp_start <= moment && moment - record.timestamp_start <= reach) ?? null;
}

/** What comes next after this moment, or null. */
export function nextAfter(records, moment) {
  return records.find((record) => record.timestamp_start > moment) ?? null;
}

/** Until when a video can be played in one go from `moment` on: files that follow each other, of the same codec. */
export function playableUntil(records, moment) {
  const first = recordAt(records, moment);
  if (!first) return moment;
  let until = first.timestamp_end;
  for (const record of records) {
    if (!isVideo(record) || record.timestamp_start < first.timestamp_end - JOINT) continue;
    if (record.codec !== first.codec || record.timestamp_start - until > JOINT) break;
    until = Math.max(until, record.timestamp_end);
  }
  return Math.min(until, Math.max(first.timestamp_end, moment + LONGEST), moment + 2 * LONGEST);
}

/** What a day has to show: every video and picture, and of those taken now and then one an hour; the latest. */
export function momentsOf(records) {
  let hour = null;
  const chosen = records.filter(({ media_type: type, timestamp_start: start }) => {
    if (type !== "timelapse") return true;
    const before = hour;
    hour = Math.floor(start / HOUR);
    return hour !== before;
  });
  return chosen.slice(-MOST);
}

/** The address of a small picture: of a moment, rounded to `step` milliseconds, or of the beginning. */
export function thumbnailOf({ id, timestamp_start: start, media_type: type }, moment = null, step = 1_000) {
  const address = `api/recordings/${id}/thumbnail.jpg`;
  if (moment === null || type !== "video") return address;
  const at = Math.floor(moment / step) * step;
  return at <= start ? address : `${address}?at=${at}`;
}

/** About how many bytes a time has. */
export function bytesIn(records, start, end) {
  return records.filter(isVideo).reduce((sum, { timestamp_start: from, timestamp_end: to, size }) => {
    const part = Math.min(to, end) - Math.max(from, start);
    return part > 0 ? sum + size * Math.min(1, part / (to - from)) : sum;
  }, 0);
}
