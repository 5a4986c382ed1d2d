import { clockOf } from "./day.js";
import { spansOf } from "./span.js";
import { copyOf, write } from "../template.js";

const NARROW = 2; // pixels, below which nothing is told apart

/** What was recorded of one camera, as a line of time. */
export class Row {
  constructor(camera) {
    const { root, part } = copyOf("row-template");
    this.root = root;
    this.part = part;
    this.camera = camera;
    root.dataset.camera = camera;
  }

  name(text) {
    write(this.part("name"), text);
  }

  mark(chosen) {
    if (chosen) this.root.setAttribute("aria-current", "true");
    else this.root.removeAttribute("aria-current");
  }

  draw(scale, { records, gaps, tags }) {
    const track = this.part("track");
    const slack = Math.max(1_000, (NARROW * scale.length) / Math.max(1, track.clientWidth));
    const seen = ({ start, end }) => end >= scale.from && start <= scale.to;
    const missing = gaps.map((gap) => ({ start: gap.timestamp_start, end: gap.timestamp_end ?? Date.now(), reason: gap.reason }));
    track.replaceChildren(
      ...missing.filter(seen).map((gap) => mark(scale, gap, "gap", `${during(gap)}: missing. ${gap.reason}`)),
      ...spansOf(records, slack).filter(seen).map((span) => mark(scale, span, span.kind, `${during(span)}: ${span.kind}`)),
      ...tags.map(({ timestamp, title }) => ({ start: timestamp, end: timestamp, title })).filter(seen)
        .map((tag) => mark(scale, tag, "tag", `${clockOf(tag.start)}: ${tag.title}`)),
    );
  }
}

function mark(scale, { start, end }, kind, title) {
  const element = document.createElement("span");
  element.className = "mark-time";
  element.dataset.kind = kind;
  element.title = title;
  const left = Math.max(0, scale.shareOf(start));
  element.style.left = `${100 * left}%`;
  element.style.width = `${100 * (Math.min(1, scale.shareOf(end)) - left)}%`;
  return element;
}

function during({ start, end }) {
  return `${clockOf(start)} to ${clockOf(end)}`;
}
