import { Form } from "./form.js";
import { isReadable } from "./readable.js";
import { placeAfter, reasonIn } from "./place.js";
import { ask } from "./rest.js";
import { Secret } from "./secret.js";
import { write } from "./template.js";
import { bindTheme } from "./theme.js";

/** The sign-in: who has come, and back to where they were. */
const byId = (id) => document.getElementById(id);
const goOn = () => location.replace(placeAfter(location.href));

/** Whoever is signed in already, perhaps in another tab, need not do it again. */
async function look() {
  try {
    const { how } = await ask("GET", "api/me");
    if (how === "session") goOn();
  } catch (error) {
    if (error.code === "SETUP_REQUIRED") location.replace("setup");
    else if (error.status !== 401) form.say(error.message);
  }
}

async function signIn(values) {
  try {
    await ask("POST", "api/login", values);
  } catch (error) {
    byId("password").select();
    if (error.status === 401) error.message = "User name or password is wrong.";
    throw error;
  }
  goOn();
}

const form = new Form(byId("form"), signIn, {
  check: ({ username, password }) => ({
    ...(username ? {} : { username: "Who are you?" }),
    ...(password ? {} : { password: "Your password, please." }),
  }),
});
new Secret(byId("password-field"));
write(byId("where"), `to ${location.host}`);
write(byId("reason"), reasonIn(location.href));
byId("plain").hidden = !isReadable(location);
byId("username").focus();
bindTheme(byId("theme"));
look();
