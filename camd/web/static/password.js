/** What a good password is, as the server sees it; told while somebody types. Pure. */
const SHORTEST = 8;
const LONGEST = 1024;
const CASELESS = "\\p{Lo}\\p{Lm}"; // letters of a script without case count as both

export const RULES = [
  { name: "length", text: `${SHORTEST} characters or more`, holds: (text) => isLongEnough([...text].length) },
  { name: "upper", text: "an upper-case letter", holds: (text) => has(text, `\\p{Lu}\\p{Lt}${CASELESS}`) },
  { name: "lower", text: "a lower-case letter", holds: (text) => has(text, `\\p{Ll}${CASELESS}`) },
  { name: "digit", text: "a digit", holds: (text) => has(text, "\\p{Nd}") },
  { name: "special", text: "a special character", holds: (text) => has(text, "^\\p{L}\\p{N}") },
];

/** Names of the rules that a password fulfils. */
export function fulfilled(password) {
  const text = password.normalize("NFC");
  return RULES.filter(({ holds }) => holds(text)).map(({ name }) => name);
}

export function isGood(password) {
  return fulfilled(password).length === RULES.length && !has(password, "\\p{Cc}\\p{Cs}");
}

function has(text, kinds) {
  return new RegExp(`[${kinds}]`, "u").test(text);
}

function isLongEnough(length) {
  return length >= SHORTEST && length <= LONGEST;
}
