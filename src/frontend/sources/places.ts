import { LayerDirectory } from "../../diff/layer-directory.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import type { Leaf } from "../../snapshots/node.ts";
import { pathOf, resolve } from "../../snapshots/resolve.ts";
import type { DirectoryNode } from "../../snapshots/tree.ts";

/** A directory that entries come into. */
export interface Place {
  readonly directory: LayerDirectory;
  /** Where it really is: without symlinks on the way, and empty for the root. */
  readonly path: string;
}

/** What is at a path. */
export interface Found {
  readonly entry: Leaf | LayerDirectory | undefined;
  /** The source has brought it. */
  readonly own: boolean;
  /** Where it really is. */
  readonly path: string;
}

/** Finds where entries come: through symlinks that the snapshot had before, never through those that the source brings. */
export class Places {
  readonly #before: DirectoryNode;
  readonly #root: LayerDirectory;
  /** Where the source's own root is. */
  readonly dest: Place;

  /**
   * @param before what the snapshot has so far, `dest` among it
   * @param dest where the entries come
   */
  constructor(before: DirectoryNode, dest: string) {
    this.#before = before;
    this.#root = new LayerDirectory(before);
    this.dest = this.#openBefore(dest) ?? { directory: this.#root, path: "" };
  }

  /** The directory that a name leads to, if it leads to one. */
  step({ directory, path }: Place, name: string): Place | undefined {
    const entry = directory.get(name);
    const next = `${path}/${name}`;
    if (entry?.type === "directory") return { directory: entry, path: next };
    return entry?.type === "symlink" && !directory.isOwn(name) ? this.#openBefore(next) : undefined;
  }

  /** What is at these names, nothing being made on the way. */
  find(names: readonly string[], doing: string): Found | undefined {
    let place: Place | undefined = this.dest;
    const name = names.at(-1);
    if (name === undefined) return { entry: place.directory, own: false, path: place.path };
    for (const parent of names.slice(0, -1)) {
      const entry = place.directory.get(parent);
      if (entry?.type === "symlink" && place.directory.isOwn(parent)) {
        throw notEntered(entry, `${place.path}/${parent}`, doing);
      }
      place = this.step(place, parent);
      if (place === undefined) return undefined;
    }
    const { directory, path } = place;
    return { entry: directory.get(name), own: directory.isOwn(name), path: `${path}/${name}` };
  }

  /**
   * The directory that a path led to before anything was added, if it led to one. Later it cannot have gone away, for nothing
   * replaces a directory; and what the source brings cannot make the path lead anywhere else.
   */
  #openBefore(path: string): Place | undefined {
    try {
      const place = resolve(this.#before, path, { follow: "always" }, "Cannot add");
      if (place.entry?.type !== "directory") return undefined;
      const real = place.parents.length === 0 ? "" : pathOf(place);
      let directory: LayerDirectory = this.#root;
      for (const name of real.split("/").slice(1)) {
        const next = directory.get(name);
        if (next?.type !== "directory") return undefined;
        directory = next;
      }
      return { directory, path: real };
    } catch (error) {
      const nowhere = ["NOT_FOUND", "NOT_A_DIRECTORY", "SYMLINK_LOOP"] as const;
      if (nowhere.some((code) => isSlipwayError(error, code))) return undefined;
      throw error;
    }
  }
}

/** Why what the source has brought itself is not gone through. */
export function notEntered(entry: Leaf | LayerDirectory, path: string, doing: string): SlipwayError {
  return entry.type === "symlink"
    ? new SlipwayError(
        "INVALID_PATH",
        `${doing}: its path leads through ${path}, which the same source has as a symlink`,
      )
    : new SlipwayError("NOT_A_DIRECTORY", `${doing}: the same source has ${path} as something other than a directory`);
}
