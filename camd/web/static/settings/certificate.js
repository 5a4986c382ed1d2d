import { Form } from "../form.js";
import { isReadable } from "../readable.js";
import { light, partOf, write } from "../template.js";
import { confirmed } from "../confirm.js";
import { counted, dateOf } from "./moment.js";
import { showTerms } from "./terms.js";

const ADDRESS = "api/certificate";
const SOON = 30; // days before its end that a certificate is a matter of concern

/** The certificate of HTTPS: what it is, and another one in its place. */
export class Certificate {
  constructor(root, { session }) {
    this.session = session;
    this.part = (name) => partOf(root, name);
    this.form = new Form(this.part("form"), () => this.install(), {
      check: () => {
        const { certificate, key } = this.part("form").elements;
        return {
          ...(certificate.files.length ? {} : { certificate: "The file with the certificate." }),
          ...(key.files.length ? {} : { key: "The file with its key." }),
        };
      },
    });
    this.part("self-sign").addEventListener("click", () => this.selfSign());
  }

  async show() {
    try {
      this.tell(await this.session.ask("GET", ADDRESS));
    } catch (error) {
      if (error.status !== 404) throw error;
      this.tell(null);
    }
  }

  /** certificate: as the server describes it, null if HTTPS is off. */
  tell(certificate) {
    const { part, session } = this;
    part("absent").hidden = certificate !== null;
    part("present").hidden = certificate === null;
    if (!certificate) return;
    const { subject, issuer, validFrom, validTo, names, fingerprint } = certificate;
    const { isSelfSigned, renewsItself, isConfigured } = certificate;
    light(part("lamp"), conditionOf(certificate));
    write(part("reason"), certificate.reason);
    showTerms(part("facts"), [
      ["For", subject],
      ["Issued by", isSelfSigned ? "itself (self-signed)" : issuer],
      ["Valid", `${dateOf(Date.parse(validFrom))} to ${dateOf(Date.parse(validTo))}`],
      ["Renewal", renewsItself ? "by itself, in time" : "by you"],
      ["Names", names.join(", ") || "none"],
    ]);
    write(part("fingerprint"), fingerprint);
    const mayChange = session.may("System_rw");
    const exposed = isReadable(location);
    part("change").hidden = !mayChange || isConfigured || exposed;
    part("self-sign").hidden = renewsItself;
    write(part("why-not"), !mayChange ? "" : isConfigured
      ? "It is named in the configuration of camd, and is exchanged there."
      : exposed ? "Another one can be uploaded over HTTPS only, for its key must stay secret." : "");
  }

  async install() {
    const { certificate, key } = this.part("form").elements;
    const pair = { certificate: await certificate.files[0].text(), key: await key.files[0].text() };
    this.tell(await this.session.ask("PUT", ADDRESS, pair));
    this.part("form").reset();
    this.form.say("It is in use for new connections.", "good");
  }

  async selfSign() {
    const sure = await confirmed({
      title: "Use a self-signed certificate?",
      text: "Browsers will warn until somebody trusts it. The present certificate and its key are lost.",
      action: "Use a self-signed one",
    });
    if (!sure) return;
    try {
      this.tell(await this.session.ask("DELETE", ADDRESS));
      this.form.say("It is in use for new connections.", "good");
    } catch (error) {
      this.form.say(error.message);
    }
  }
}

/** How a certificate is, as a word and a tone. */
function conditionOf({ isExpired, daysRemaining, renewsItself, state }) {
  if (isExpired) return { word: "Expired", tone: "bad" };
  if (state === "alert") return { word: "Not as it should be", tone: "warn" };
  const left = `${counted(daysRemaining, "day")} left`;
  return { word: left, tone: daysRemaining < SOON && !renewsItself ? "warn" : "good" };
}
