import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import type { Leaf } from "../snapshots/node.ts";
import { joinPath } from "../snapshots/path.ts";
import { pathOf, resolve } from "../snapshots/resolve.ts";
import type { StoredContent, WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { DirectoryNode, NodeAttributes } from "../snapshots/tree.ts";
import type { TarEntry } from "../tar/entry.ts";
import { LayerDirectory } from "./layer-directory.ts";
import type { LayerBudget } from "./layer-limits.ts";
import { setAttributes } from "./set-attributes.ts";
import { AUFS_PREFIX, OPAQUE_MARKER, WHITEOUT_PREFIX } from "./whiteout.ts";

/** How entries are applied. */
export interface LayerApplierOptions {
  readonly contents: "store" | "skip";
  readonly hasher: HasherFactory;
  readonly budget: LayerBudget;
  readonly signal?: AbortSignal | undefined;
}

/** Where an entry goes: its directory is there, symlinks on the way are resolved. */
interface Target {
  readonly path: string;
  /** From the root down to the one it is in. */
  readonly directories: readonly LayerDirectory[];
  readonly directory: LayerDirectory;
  readonly name: string;
}

/** Applies the entries of one layer, one after the other, to a snapshot. */
export class LayerApplier {
  readonly #work: WritableSnapshot;
  readonly #root: LayerDirectory;
  readonly #options: LayerApplierOptions;

  /** @param root what `work` has now */
  constructor(work: WritableSnapshot, root: DirectoryNode, options: LayerApplierOptions) {
    this.#work = work;
    this.#root = new LayerDirectory(root);
    this.#options = options;
  }

  async apply(entry: TarEntry): Promise<void> {
    const { budget } = this.#options;
    budget.countEntry();
    if (entry.type === "file") budget.countFile(entry.size);
    const names = namesInRoot(entry.name);
    const name = names.at(-1);
    // A layer has no say about the root itself: containerd, too, passes it over.
    if (name === undefined) return;
    const bookkeeping = (part: string, at: number): boolean =>
      part.startsWith(AUFS_PREFIX) && !(part === OPAQUE_MARKER && at === names.length - 1);
    if (names.some(bookkeeping)) return;
    const target = await this.#locate(entry, names);
    if (name === OPAQUE_MARKER) {
      await this.#clear(target.directory, parentOf(target));
    } else if (name.startsWith(WHITEOUT_PREFIX)) {
      await this.#hide(entry, target);
    } else {
      await this.#put(entry, target);
    }
  }

  /** The place of an entry, whose missing parents are made. */
  async #locate(entry: TarEntry, names: readonly string[]): Promise<Target> {
    const doing = `Cannot apply layer entry ${shown(entry.name)}`;
    const place = resolve(this.#root, joinPath(names), { follow: "never", missingParents: true }, doing);
    // The root is one of the parents: so many names has the path.
    this.#options.budget.checkDepth(place.parents.length);
    const directories: LayerDirectory[] = [];
    let directory = this.#root;
    let path = "";
    for (const step of place.parents) {
      if (step.name !== "") path += `/${step.name}`;
      if (step.directory !== undefined) {
        directory = step.directory;
      } else {
        const made = this.#root.make();
        this.#options.budget.countEntry();
        await this.#work.mkdir(path);
        touch(directories);
        directory.put(step.name, made);
        directory = made;
      }
      directories.push(directory);
    }
    return { path: pathOf(place), directories, directory, name: place.name };
  }

  async #put(entry: TarEntry, { path, directories, directory, name }: Target): Promise<void> {
    touch(directories);
    const existing = directory.get(name);
    if (entry.type === "directory" && existing?.type === "directory") {
      await setAttributes(this.#work, path, attributesOf(entry), { replaceXattrs: true });
      directory.put(name, existing);
      return;
    }
    if (existing !== undefined) {
      await this.#work.remove(path, { recursive: true });
      directory.delete(name);
    }
    directory.put(name, await this.#create(entry, path));
  }

  /** Makes an entry where nothing is. @returns what resolving paths needs to know of it */
  async #create(entry: TarEntry, path: string): Promise<Leaf | LayerDirectory> {
    const attributes = attributesOf(entry);
    const major = entry.deviceMajor ?? 0;
    const minor = entry.deviceMinor ?? 0;
    switch (entry.type) {
      case "file":
        await this.#work.writeFile(path, await this.#content(entry), { ...attributes, signal: this.#options.signal });
        break;
      case "directory":
        await this.#work.mkdir(path, attributes);
        return this.#root.make();
      case "symlink": {
        const target = entry.linkName ?? "";
        await this.#work.symlink(target, path, attributes);
        return { ...attributes, type: "symlink", target };
      }
      case "link":
        return await this.#link(entry, path);
      default:
        await this.#work.mknod(path, entry.type, { ...attributes, major, minor });
    }
    return { ...attributes, type: "fifo", major, minor };
  }

  async #content(entry: TarEntry): Promise<AsyncIterable<Uint8Array> | StoredContent> {
    if (this.#options.contents === "store") return entry.content();
    const hasher = this.#options.hasher("sha256");
    let size = 0;
    for await (const chunk of entry.content()) {
      this.#options.signal?.throwIfAborted();
      hasher.update(chunk);
      size += chunk.byteLength;
    }
    return { digest: toDigest("sha256", hasher.digest()), size };
  }

  async #link(entry: TarEntry, path: string): Promise<Leaf> {
    const linkName = entry.linkName ?? "";
    const doing = `Cannot apply layer entry ${shown(entry.name)}: it is a hard link to ${JSON.stringify(shown(linkName))}`;
    const named =
      linkName === "" ? undefined : resolve(this.#root, linkName, { follow: "never", missingParents: true }, doing);
    const linked = named?.entry;
    if (named === undefined || linked === undefined) {
      throw new SlipwayError("INVALID_PATH", `${doing}, which is not there`);
    }
    if (linked.type === "directory") throw new SlipwayError("INVALID_PATH", `${doing}, which is a directory`);
    await this.#work.link(pathOf(named), path);
    // Tools that write xattrs only with the first name must not take them away with the others.
    await setAttributes(this.#work, path, attributesOf(entry), { replaceXattrs: false });
    return linked;
  }

  /** A whiteout: what lower layers have under the name is hidden; what this layer has brought stays. */
  async #hide(entry: TarEntry, { directory, path }: Target): Promise<void> {
    const slash = path.lastIndexOf("/") + 1;
    const name = path.slice(slash + WHITEOUT_PREFIX.length);
    if (name === "" || name === "." || name === "..") {
      throw new SlipwayError("INVALID_PATH", `Cannot apply layer entry ${shown(entry.name)}: it is no valid whiteout`);
    }
    await this.#hideEntry(directory, name, path.slice(0, slash) + name);
  }

  /** Removes what the lower tree has left in a directory: once, however many markers there are. */
  async #clear(directory: LayerDirectory, path: string): Promise<void> {
    if (directory.cleared) return;
    directory.cleared = true;
    for (const name of directory.lowerNames()) await this.#hideEntry(directory, name, `${path}/${name}`);
  }

  async #hideEntry(directory: LayerDirectory, name: string, path: string): Promise<void> {
    const entry = directory.get(name);
    if (entry === undefined) return;
    if (entry.type === "directory" && entry.touched) {
      await this.#clear(entry, path);
    } else if (!directory.isOwn(name)) {
      await this.#work.remove(path, { recursive: true });
      directory.delete(name);
    }
  }
}

function touch(directories: readonly LayerDirectory[]): void {
  for (const directory of directories) directory.touched = true;
}

/** The names of an entry's path, clamped to the root: `..` goes up before any symlink is looked at, and no further than the root. */
function namesInRoot(name: string): string[] {
  const names: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") names.pop();
    else if (part !== "" && part !== ".") names.push(part);
  }
  return names;
}

/** A name for a message: one in a PAX header may have a million characters. */
const shown = (name: string): string => (name.length > 200 ? `${name.slice(0, 200)}…` : name);

const parentOf = ({ path }: Target): string => path.slice(0, path.lastIndexOf("/"));

function attributesOf(entry: TarEntry): NodeAttributes {
  const { uid, gid, mtime, xattrs } = entry;
  return { mode: entry.mode & 0o7777, uid, gid, mtime, ...(xattrs === undefined ? {} : { xattrs }) };
}
