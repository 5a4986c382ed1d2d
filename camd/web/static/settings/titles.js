/** A role's name as a title: "Administrator". Pure. */
export function titled(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
