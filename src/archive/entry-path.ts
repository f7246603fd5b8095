import { SlipwayError } from "../errors.ts";

/**
 * The path of an archive entry in one spelling: `./blobs/sha256/x` and `blobs//sha256/x` are `blobs/sha256/x`. The archive's
 * own root is the empty string.
 * @throws SlipwayError `INVALID_ARCHIVE` if it is absolute or climbs with `..`: no image archive has such a name
 */
export function cleanEntryPath(name: string): string {
  const segments = name.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (name.startsWith("/") || segments.includes("..")) throw outside(`entry ${JSON.stringify(name)}`);
  return segments.join("/");
}

/**
 * What a symlink in the archive points to, as a clean path: relative to the directory that it is in.
 * @throws SlipwayError `INVALID_ARCHIVE` if that is outside of the archive
 */
export function resolveEntryLink(path: string, target: string): string {
  const what = `link ${JSON.stringify(path)} to ${JSON.stringify(target)}`;
  if (target.startsWith("/")) throw outside(what);
  const segments = path.split("/").slice(0, -1);
  for (const segment of target.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) throw outside(what);
  }
  return segments.join("/");
}

const outside = (what: string): SlipwayError =>
  new SlipwayError("INVALID_ARCHIVE", `Cannot read the archive: ${what} leaves the archive`);
