/**
 * What is said while the server is away: that it is, why as far as anybody knows, when the next
 * attempt comes, and a button for those who do not want to wait.
 */
export class Outage {
  constructor(stage, link) {
    this.stage = stage;
    this.link = link;
    this.lasting = false;
    this.reason = "";
    this.timer = null;
    stage.part("retry").addEventListener("click", () => link.connect());
  }

  /** event: as of Link.onphase. */
  follow({ phase, delay, reason }) {
    clearInterval(this.timer);
    if (phase === "waiting") {
      this.lasting = true;
      this.reason = reason;
      this.until = performance.now() + delay;
      this.timer = setInterval(() => this.say(), 500);
      this.say();
      if (!reason.startsWith("No connection")) return;
      // The browser does not tell a refused WebSocket from an absent server; a plain request does.
      fetch("health", { cache: "no-store" }).then(() => {
        this.reason = "The server answers, but takes no more clients at the moment.";
      }, () => {});
    } else if (this.lasting) {
      this.say("Trying …");
    }
  }

  /** The state is up to date again; whether there had been an outage. */
  end() {
    const lasted = this.lasting;
    this.lasting = false;
    return lasted;
  }

  say(countdown) {
    const seconds = Math.max(1, Math.ceil((this.until - performance.now()) / 1000));
    this.stage.say({
      title: "Disconnected",
      text: this.reason,
      countdown: countdown ?? `Next attempt in ${seconds} s`,
      retry: true,
    });
  }
}
