/** Structure stands in index.html as templates; this makes copies and finds their parts. */

/** A copy of the template: {root, part}, part(name) being the element with that data-part. */
export function copyOf(id) {
  const root = document.getElementById(id).content.firstElementChild.cloneNode(true);
  return { root, part: (name) => partOf(root, name) };
}

export function partOf(root, name) {
  return root.dataset.part === name ? root : root.querySelector(`[data-part="${name}"]`);
}

/** Set text only if it differs: an equal text would be announced again and lose the selection. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A lamp: a word and a tone; the tone picks colour and shape in the style sheet. */
export function light(lamp, { word, tone }) {
  lamp.dataset.tone = tone;
  write(partOf(lamp, "word"), word);
}
