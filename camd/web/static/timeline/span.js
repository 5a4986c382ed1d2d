/** What is recorded, as times. Pure; records are those of the REST API, in the order of time, times Unix milliseconds. */

const JOINT = 1_000; // files of one recording follow each other so closely
const LONGEST = 10 * 60_000; // is asked for in one go

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

/** Until when a video can be played in one go from `moment` on: files that follow each other, of the same kind of video. */
export function playableUntil(records, moment) {
  const first = recordAt(records, moment);
  if (!first) return moment;
  let until = first.timestamp_end;
  for (const record of records) {
    if (!isVideo(record) || record.timestamp_start < first.timestamp_end - JOINT) continue;
    const fits = record.codec === first.codec && record.resolution === first.resolution;
    if (!fits || record.timestamp_start - until > JOINT) break;
    until = Math.max(until, record.timestamp_end);
  }
  return Math.min(until, Math.max(first.timestamp_end, moment + LONGEST), moment + 2 * LONGEST);
}

/** About how many bytes a time has. */
export function bytesIn(records, start, end) {
  return records.filter(isVideo).reduce((sum, { timestamp_start: from, timestamp_end: to, size }) => {
    const part = Math.min(to, end) - Math.max(from, start);
    return part > 0 ? sum + size * Math.min(1, part / (to - from)) : sum;
  }, 0);
}
