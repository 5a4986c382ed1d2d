/** Paths of files, as the server has them: "/overlays/logo.png". Pure. */

/** "/a" and "b" make "/a/b". */
export function within(folder, name) {
  return `${folder === "/" ? "" : folder}/${name}`;
}

/** For an address: slashes stay, everything else is escaped. */
export function escaped(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The folders on the way: [{name, path}], the top first. */
export function trailOf(folder) {
  const trail = [{ name: "Files", path: "/" }];
  for (const name of folder.split("/").filter(Boolean)) trail.push({ name, path: within(trail.at(-1).path, name) });
  return trail;
}

/** The folder that an address names after its "#". */
export function folderIn(hash) {
  try {
    const names = hash.replace(/^#/, "").split("/").map(decodeURIComponent).filter(Boolean);
    return `/${names.join("/")}`;
  } catch {
    return "/"; // somebody typed it
  }
}
