/** How long somebody would have to try for a passphrase, as far as its letters tell. Pure. */
export const SHORTEST = 8;
const KINDS = [[/\p{Ll}/u, 26], [/\p{Lu}/u, 26], [/\p{Nd}/u, 10], [/[^\p{L}\p{N}]/u, 33], [/[^\p{Ll}\p{Lu}\P{L}]/u, 200]];
const [WEAK, FAIR] = [45, 80]; // bits below which it is so

/** {word, tone}; tone as of a lamp. */
export function strengthOf(text) {
  const letters = [...text];
  if (!letters.length) return { word: "", tone: "off" };
  if (letters.length < SHORTEST) return { word: `Too short: ${SHORTEST} characters or more`, tone: "bad" };
  const bits = surprises(letters) * Math.log2(KINDS.reduce((sum, [kind, count]) => sum + (kind.test(text) ? count : 0), 1));
  if (bits < WEAK) return { word: "Weak", tone: "warn" };
  return bits < FAIR ? { word: "Fair", tone: "calm" } : { word: "Strong", tone: "good" };
}

/** How many letters do not simply follow from the one before, as in "aaaa" and "1234". */
function surprises(letters) {
  const steps = letters.map((letter, at) => (at ? letter.codePointAt(0) - letters[at - 1].codePointAt(0) : NaN));
  return steps.filter((step) => !(Math.abs(step) <= 1)).length;
}
