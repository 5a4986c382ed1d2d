const SHORTEST = 60_000; // nobody needs to see less than a minute

/** Which part of a day is in sight, and where in it a moment is. Pure; `from` and `to` are Unix milliseconds. */
export class Scale {
  constructor(day) {
    this.day = day;
    this.from = day.start;
    this.to = day.end;
  }

  get length() {
    return this.to - this.from;
  }

  get isWhole() {
    return this.length >= this.day.end - this.day.start;
  }

  /** Where a moment is, as a share of what is in sight. */
  shareOf(moment) {
    return (moment - this.from) / this.length;
  }

  momentAt(share) {
    return Math.round(this.from + Math.min(1, Math.max(0, share)) * this.length);
  }

  /** factor: above 1 shows less of the day; `around` stays where it is. */
  zoom(factor, around) {
    const whole = this.day.end - this.day.start;
    const length = Math.min(whole, Math.max(SHORTEST, this.length / factor));
    this.place(around - this.shareOf(around) * length, length);
  }

  /** By a share of what is in sight. */
  move(share) {
    this.place(this.from + share * this.length, this.length);
  }

  /** Bring a moment into sight. */
  reveal(moment) {
    if (moment < this.from || moment > this.to) this.place(moment - this.length / 2, this.length);
  }

  place(from, length) {
    this.from = Math.min(this.day.end - length, Math.max(this.day.start, from));
    this.to = this.from + length;
  }
}
