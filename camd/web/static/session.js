import { signInFrom } from "./place.js";
import { ask, take } from "./rest.js";

/**
 * Who sits here, and what they may. When the session ends, or there never was one, it leads to the
 * sign-in, which knows the way back; while nobody has set camd up, to the setup.
 */
export class Session {
  constructor() {
    this.me = null; // {username, permissions, cameras, how}
    this.onchange = () => {};
    this.leaving = false;
    this.renewal = null; // a Promise, while one session is exchanged for another
  }

  get isSignedIn() {
    return this.me !== null && this.me.how !== "guest";
  }

  may(permission) {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Ask the server who we are. False if nobody: then the page is about to be left. Rejected with RestError. */
  async look() {
    await this.renewal?.catch(() => {});
    if (this.leaving) return false;
    let me;
    try {
      me = await this.ask("GET", "api/me");
    } catch (error) {
      if (this.leaving) return false;
      throw error;
    }
    const changed = JSON.stringify(me) !== JSON.stringify(this.me);
    this.me = me;
    if (changed) this.onchange();
    return true;
  }

  /** As `ask` of rest.js; the end of the session is taken care of. */
  ask(method, path, body) {
    return this.mind(ask(method, path, body));
  }

  /** As `take` of rest.js; the same. */
  take(method, path, body) {
    return this.mind(take(method, path, body));
  }

  async mind(answer) {
    try {
      return await answer;
    } catch (error) {
      if (error.code === "SETUP_REQUIRED") this.go("setup");
      else if (error.status === 401) this.go(signInFrom(location.href, this.me ? "ended" : ""));
      throw error;
    }
  }

  /** Change the password, which ends every session, ours too, and go on in a new one. */
  async changePassword(before, after) {
    const renew = async () => {
      await this.ask("PUT", "api/me/password", { old: before, new: after });
      await this.ask("POST", "api/login", { username: this.me.username, password: after });
    };
    this.renewal = renew();
    try {
      await this.renewal;
    } finally {
      this.renewal = null;
    }
  }

  /** Sign out. */
  async leave() {
    this.leaving = true; // nobody is to say that the session ended: that is what is wanted
    try {
      await ask("POST", "api/logout");
    } catch (error) {
      this.leaving = error.status === 401; // it had ended already
      if (!this.leaving) throw error;
    }
    location.replace("login?why=left");
  }

  go(address) {
    if (this.leaving) return;
    this.leaving = true;
    location.replace(address);
  }
}
