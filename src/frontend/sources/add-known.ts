import type { KnownDirectory } from "../../snapshots/known-directory.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import { putKnownDirectory } from "../../snapshots/writable.ts";
import type { Place } from "./places.ts";

/**
 * Puts a directory with all that is in it, unread, where nothing is.
 * @returns false if nothing was put: something is there, or the snapshot copies contents
 */
export async function addKnown(
  work: WritableSnapshot,
  parent: Place,
  name: string,
  directory: KnownDirectory,
): Promise<boolean> {
  if (parent.directory.get(name) !== undefined) return false;
  if (!(await putKnownDirectory(work, `${parent.path}/${name}`, directory))) return false;
  parent.directory.put(name, parent.directory.make());
  return true;
}
