import { SlipwayError } from "../errors.ts";
import type { Leaf } from "./node.ts";
import { joinPath, splitPath } from "./path.ts";

/** What resolving needs of a directory: that of a tree and that of a tree being written have it both. */
export interface DirectoryLike<D> {
  readonly type: "directory";
  readonly entries: Pick<ReadonlyMap<string, Leaf | D>, "get">;
}

/** A directory on the way to a place. */
export interface Step<D> {
  /** Its name in the directory before; empty for the root. */
  readonly name: string;
  /** Undefined: it does not exist, and is to be made. */
  readonly directory: D | undefined;
}

/** A place in a tree: a name in a directory, and what is there. */
export interface Place<D> {
  /** The directories on the way, from the root down. Empty if the place is the root itself. */
  readonly parents: readonly Step<D>[];
  readonly name: string;
  /** Undefined: nothing is there. */
  readonly entry: Leaf | D | undefined;
  /** The path, or a symlink at its end, ends in `/`, `.` or `..`: only a directory will do. */
  readonly directory: boolean;
  /** The path ends in `.` or `..`. */
  readonly dots: boolean;
}

/** How a path is resolved. */
export interface ResolveOptions {
  /** A symlink at the end: followed, followed if a slash comes after it, or never. */
  readonly follow: "always" | "slash" | "never";
  /** Missing directories on the way are no error: they will be made. */
  readonly missingParents?: boolean;
}

/** As many symlinks as Linux follows in one path. */
const SYMLINK_LIMIT = 40;

/** Where a place is, without symlinks, as names from the root. */
export function namesOf<D>(place: Place<D>): readonly string[] {
  if (place.parents.length === 0) return [];
  const names = place.parents.slice(1).map((step) => step.name);
  names.push(place.name);
  return names;
}

/** Where a place is, without symlinks. */
export function pathOf<D>(place: Place<D>): string {
  return joinPath(namesOf(place));
}

/**
 * Finds the place that a path names. Symlinks on the way are followed inside the root: absolute targets begin at it, and `..`
 * stays at it.
 * @param doing begins the messages, for example `Cannot write /a/b`
 * @throws SlipwayError `NOT_FOUND` or `NOT_A_DIRECTORY` for what is on the way, `SYMLINK_LOOP`, `INVALID_PATH`
 */
export function resolve<D extends DirectoryLike<D>>(
  root: D,
  path: string,
  { follow, missingParents = false }: ResolveOptions,
  doing: string,
): Place<D> {
  const split = splitPath(path, doing);
  const { dots } = split;
  let { directory } = split;
  const steps: Step<D>[] = [{ name: "", directory: root }];
  const pending = [...split.names].reverse();
  let symlinks = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === ".") continue;
    if (name === "..") {
      if (steps.length > 1) steps.pop();
      continue;
    }
    const last = pending.length === 0;
    const entry = steps.at(-1)?.directory?.entries.get(name);
    if (entry === undefined) {
      if (last) return { parents: steps, name, entry, directory, dots };
      if (!missingParents) {
        throw new SlipwayError("NOT_FOUND", `${doing}: ${pathTo(steps, name)} does not exist`);
      }
      steps.push({ name, directory: undefined });
    } else if (entry.type === "symlink" && (!last || follow === "always" || (follow === "slash" && directory))) {
      symlinks++;
      if (symlinks > SYMLINK_LIMIT) {
        throw new SlipwayError("SYMLINK_LOOP", `${doing}: more than ${SYMLINK_LIMIT} symlinks on the way`);
      }
      const target = splitPath(entry.target, doing);
      if (target.absolute) steps.length = 1;
      if (last) directory ||= target.directory;
      for (let i = target.names.length - 1; i >= 0; i--) pending.push(target.names[i] ?? "");
    } else if (last) {
      return { parents: steps, name, entry, directory, dots };
    } else if (entry.type !== "directory") {
      throw new SlipwayError("NOT_A_DIRECTORY", `${doing}: ${pathTo(steps, name)} is not a directory`);
    } else {
      steps.push({ name, directory: entry });
    }
  }
  // The path ended at a directory that was gone through: the root, or by `.` or `..`.
  const end = steps.pop();
  return { parents: steps, name: end?.name ?? "", entry: end?.directory, directory: true, dots };
}

function pathTo<D>(steps: readonly Step<D>[], name: string): string {
  return joinPath([...steps.slice(1).map((step) => step.name), name]);
}

/**
 * What is at a place.
 * @throws SlipwayError `NOT_FOUND`, or `NOT_A_DIRECTORY` if the path ends in a slash and this is none
 */
export function existing<D extends DirectoryLike<D>>(place: Place<D>, doing: string): Leaf | D {
  const { entry } = place;
  if (entry === undefined) throw new SlipwayError("NOT_FOUND", `${doing}: ${pathOf(place)} does not exist`);
  if (place.directory && entry.type !== "directory") {
    throw new SlipwayError("NOT_A_DIRECTORY", `${doing}: ${pathOf(place)} is not a directory`);
  }
  return entry;
}
