import { WHITEOUT_PREFIX } from "../../diff/whiteout.ts";
import { SlipwayError } from "../../errors.ts";

/**
 * The names of an entry's path, from the root of its source down: without a leading `/`, `.` and empty names. None for the
 * root itself.
 * @param doing begins the message, for example `Cannot add tar entry "a"`
 * @throws SlipwayError `INVALID_PATH` if it climbs with `..`
 */
export function entryNames(path: string, doing: string): readonly string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new SlipwayError("INVALID_PATH", `${doing}: its path climbs with .., which may lead out of the source`);
  }
  return names;
}

/**
 * Refuses names that an image cannot hold.
 * @throws SlipwayError `INVALID_PATH` for a name that begins with `.wh.`
 */
export function checkNames(names: readonly string[], doing: string): void {
  const whiteout = names.find((name) => name.startsWith(WHITEOUT_PREFIX));
  if (whiteout === undefined) return;
  throw new SlipwayError(
    "INVALID_PATH",
    `${doing}: names that begin with ${WHITEOUT_PREFIX} stand for removed files in an image; rename it or leave it out`,
  );
}

/** A name for a message: quoted, and cut where it is very long. */
export const shown = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
