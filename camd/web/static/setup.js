import { Form } from "./form.js";
import { isReadable } from "./readable.js";
import { isGood } from "./password.js";
import { ask } from "./rest.js";
import { Secret } from "./secret.js";
import { bindTheme } from "./theme.js";

/** The first minute: the code that camd printed, and the account of its administrator. */
const byId = (id) => document.getElementById(id);

/** The printed link carries the code after "#", which no server and no proxy sees; it leaves no trace here. */
function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  byId("code").value = code;
  history.replaceState(null, "", location.pathname + location.search);
}

async function setUp(values) {
  try {
    await ask("POST", "api/setup", values);
  } catch (error) {
    if (error.status === 409) return location.replace("login?why=exists");
    if (error.status === 401) {
      error.key = "code";
      error.message = "This is not the code. After five wrong ones camd prints a new one.";
    }
    throw error;
  }
  location.replace("./");
}

new Form(byId("form"), setUp, {
  keys: { name: "username" },
  check: ({ code, username, password }) => ({
    ...(code.trim() ? {} : { code: "The code that camd printed is needed." }),
    ...(username ? {} : { username: "How will you be called?" }),
    ...(isGood(password) ? {} : { password: "This password is not good enough yet." }),
  }),
});
new Secret(byId("password-field"));
takeCode();
addEventListener("hashchange", takeCode);
byId(byId("code").value ? "username" : "code").focus();
byId("plain").hidden = !isReadable(location);
bindTheme(byId("theme"));
