import { copyOf } from "../template.js";

/** Fill a <dl> with [[term, value]]; a value is a text or an element, and without one there is no term. */
export function showTerms(list, pairs) {
  list.replaceChildren(...pairs.filter(([, value]) => value !== null).map(([term, value]) => {
    const { root, part } = copyOf("fact-template");
    part("label").textContent = term;
    part("value").append(value);
    return root;
  }));
}

/** A moment with its exact time on demand. */
export function timeElement(text, exact) {
  const element = document.createElement("span");
  element.textContent = text;
  if (exact) element.title = exact;
  return element;
}
