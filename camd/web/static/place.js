/** Where somebody was, and the way back there from signing in. Pure; addresses are absolute URLs as text. */

/** Why somebody is asked to sign in, as it stands in the address. */
export const REASONS = {
  ended: "Your session has ended. Sign in to go on where you were.",
  left: "You are signed out.",
  exists: "camd is set up already. Sign in.",
};

/** The address of the sign-in that leads back to `here` afterwards. */
export function signInFrom(here, why = "") {
  const root = rootOf(here);
  const address = new URL("login", root);
  const place = here.slice(root.length);
  if (place) address.searchParams.set("next", place);
  if (why in REASONS) address.searchParams.set("why", why);
  return address.href;
}

/** Where the sign-in at `here` leads to: a place of this page, whatever its address says. */
export function placeAfter(here) {
  const root = rootOf(here);
  const next = new URL(here).searchParams.get("next") ?? "";
  const place = new URL(`./${next}`, root).href; // "./" makes every text a path below ours
  const isOurs = place.startsWith(root) && !/^(login|setup)\b/.test(place.slice(root.length));
  return isOurs ? place : root;
}

/** What stands in the address of the sign-in at `here`, in words. */
export function reasonIn(here) {
  return REASONS[new URL(here).searchParams.get("why")] ?? "";
}

function rootOf(here) {
  return new URL("./", here).href;
}
