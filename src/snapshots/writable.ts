import { SlipwayError } from "../errors.ts";
import type { OperationOptions } from "../progress.ts";
import { changeAttributes, changeXattr, DEFAULT_ATTRIBUTES } from "./attributes.ts";
import { adopterOf, type ContentTarget, storeContent } from "./file-content.ts";
import type { KnownDirectory } from "./known-directory.ts";
import { fileNode, type Leaf, specialNode, symlinkNode } from "./node.ts";
import { checkTarget } from "./path.ts";
import { TreeReader } from "./reader.ts";
import { existing, namesOf, type Place, pathOf } from "./resolve.ts";
import type { AttributeOptions, FileContent, FollowOptions, WritableSnapshot } from "./snapshotter.ts";
import type { NodeAttributes, SpecialNode, Tree } from "./tree.ts";
import { type AnyDirectory, WorkDirectory, type WorkingTree } from "./working-tree.ts";

/** What a writable snapshot works on. */
export interface WritableState {
  /** The tree, loaded when it is first needed. Rejects when the snapshot was committed or removed. */
  working(): Promise<WorkingTree>;
  /** Freezes the tree and saves it. */
  save(): Promise<Tree>;
}

/**
 * The writable side over a {@link WorkingTree}. Each call looks at the tree and changes it in one synchronous step, after all
 * that has to be waited for: calls at the same time do not disturb each other, and a call that fails changes nothing. As in a
 * filesystem, but that nothing changes which was not asked for: making or removing an entry leaves the directory's mtime as it
 * is (nothing here reads the clock), and a change of owner or content leaves the setuid and setgid bits.
 */
export class TreeWriter extends TreeReader implements WritableSnapshot, PutsDirectories {
  readonly key: string;
  readonly #state: WritableState;
  readonly #target: ContentTarget;

  constructor(key: string, state: WritableState, target: ContentTarget) {
    super(() => state.working(), target);
    this.key = key;
    this.#state = state;
    this.#target = target;
  }

  override async tree(): Promise<Tree> {
    return await this.#state.save();
  }

  async writeFile(path: string, content: FileContent, options?: AttributeOptions & OperationOptions): Promise<void> {
    const doing = `Cannot write ${path}`;
    let working = await this.working();
    // What cannot be written is refused before its content is stored.
    let checked = checkWrite(working, path, options, doing);
    let stored = storeContent(this.#target, content, path, options);
    if (stored instanceof Promise) {
      stored = await stored;
      // Others may have written meanwhile.
      working = await this.working();
      options?.signal?.throwIfAborted();
      checked = checkWrite(working, path, options, doing);
    }
    const { place, attributes } = checked;
    const node = fileNode(attributes, stored.digest, stored.size);
    const { entry } = place;
    if (entry === undefined) working.create(place, node);
    else if (entry.type !== "directory") working.replaceLeaf(place, entry, node);
  }

  async mkdir(path: string, options: AttributeOptions & { readonly recursive?: boolean } = {}): Promise<void> {
    const doing = `Cannot make the directory ${path}`;
    const { recursive = false } = options;
    const working = await this.working();
    const place = working.resolve(path, { follow: "never", missingParents: recursive }, doing);
    const { entry } = place;
    if (entry === undefined) {
      const attributes = changeAttributes(DEFAULT_ATTRIBUTES.directory, options, doing);
      working.create(place, new WorkDirectory(attributes));
      return;
    }
    if (recursive && entry.type === "directory") return;
    if (recursive && entry.type === "symlink") {
      const target = working.resolve(path, { follow: "always" }, doing);
      if (target.entry?.type === "directory") return;
    }
    throw alreadyThere(place, doing);
  }

  async putDirectory(path: string, directory: KnownDirectory): Promise<boolean> {
    const doing = `Cannot make the directory ${path}`;
    const adopt = adopterOf(this.#target);
    if (adopt === undefined) return false;
    const working = await this.working();
    const place = working.resolve(path, { follow: "never" }, doing);
    if (place.entry !== undefined || place.parents.length === 0) throw alreadyThere(place, doing);
    working.createKnown(place, directory, adopt);
    return true;
  }

  async symlink(target: string, path: string, options?: AttributeOptions): Promise<void> {
    const doing = `Cannot make the symlink ${path}`;
    const checked = checkTarget(target, doing);
    await this.#make(path, doing, () =>
      symlinkNode(changeAttributes(DEFAULT_ATTRIBUTES.symlink, options, doing), checked),
    );
  }

  async mknod(
    path: string,
    type: SpecialNode["type"],
    options: AttributeOptions & { readonly major?: number; readonly minor?: number } = {},
  ): Promise<void> {
    const doing = `Cannot make the node ${path}`;
    if (!["char", "block", "fifo", "socket"].includes(type)) {
      throw new SlipwayError("INVALID_ARGUMENT", `${doing}: ${String(type)} is none of char, block, fifo, socket`);
    }
    const device = type === "char" || type === "block";
    const major = deviceNumber(device ? options.major : 0, "major", doing);
    const minor = deviceNumber(device ? options.minor : 0, "minor", doing);
    await this.#make(path, doing, () =>
      specialNode(changeAttributes(DEFAULT_ATTRIBUTES.file, options, doing), type, major, minor),
    );
  }

  async link(existingPath: string, path: string): Promise<void> {
    const doing = `Cannot link ${path} to ${existingPath}`;
    const working = await this.working();
    const from = working.resolve(existingPath, { follow: "slash" }, doing);
    const entry = existing(from, doing);
    const to = working.resolve(path, { follow: "never" }, doing);
    checkFree(to, doing);
    if (entry.type === "directory") {
      throw new SlipwayError("IS_A_DIRECTORY", `${doing}: a directory cannot have a second name`);
    }
    working.link(from, entry, to);
  }

  async rename(from: string, to: string): Promise<void> {
    const doing = `Cannot rename ${from} to ${to}`;
    const working = await this.working();
    const source = working.resolve(from, { follow: "never" }, doing);
    const target = working.resolve(to, { follow: "never" }, doing);
    if (checkRename(working, source, target, doing)) working.move(source, target);
  }

  async remove(path: string, options: { readonly recursive?: boolean; readonly force?: boolean } = {}): Promise<void> {
    const doing = `Cannot remove ${path}`;
    const working = await this.working();
    let place: Place<AnyDirectory>;
    try {
      place = working.resolve(path, { follow: "never" }, doing);
      if (place.parents.length === 0) throw new SlipwayError("INVALID_ARGUMENT", `${doing}: it is the root`);
      if (place.dots) throw new SlipwayError("INVALID_ARGUMENT", `${doing}: it ends in . or ..`);
      existing(place, doing);
    } catch (error) {
      if (options.force === true && error instanceof SlipwayError && error.code === "NOT_FOUND") return;
      throw error;
    }
    if (place.entry?.type === "directory" && options.recursive !== true && place.entry.entries.size > 0) {
      throw new SlipwayError(
        "NOT_EMPTY",
        `${doing}: the directory has entries (pass recursive: true to remove them too)`,
      );
    }
    working.remove(place);
  }

  async chmod(path: string, mode: number): Promise<void> {
    const doing = `Cannot change the mode of ${path}`;
    await this.#change(path, {}, doing, (old) => changeAttributes(old, { mode }, doing));
  }

  async chown(path: string, uid: number, gid: number, options?: FollowOptions): Promise<void> {
    const doing = `Cannot change the owner of ${path}`;
    await this.#change(path, options, doing, (old) => changeAttributes(old, { uid, gid }, doing));
  }

  async utimes(path: string, mtime: number, options?: FollowOptions): Promise<void> {
    const doing = `Cannot change the time of ${path}`;
    await this.#change(path, options, doing, (old) => changeAttributes(old, { mtime }, doing));
  }

  async setxattr(path: string, name: string, value: Uint8Array | string, options?: FollowOptions): Promise<void> {
    const doing = `Cannot set the xattr ${name} of ${path}`;
    await this.#change(path, options, doing, (old) =>
      changeAttributes(old, { xattrs: changeXattr(old.xattrs, name, value, doing) }, doing),
    );
  }

  async removexattr(path: string, name: string, options?: FollowOptions): Promise<void> {
    const doing = `Cannot remove the xattr ${name} of ${path}`;
    await this.#change(path, options, doing, (old) => {
      if (old.xattrs?.has(name) !== true) throw new SlipwayError("NOT_FOUND", `${doing}: there is none`);
      return changeAttributes(old, { xattrs: changeXattr(old.xattrs, name, undefined, doing) }, doing);
    });
  }

  async #make(path: string, doing: string, node: () => Leaf): Promise<void> {
    const working = await this.working();
    const place = working.resolve(path, { follow: "never" }, doing);
    checkFree(place, doing);
    working.create(place, node());
  }

  async #change(
    path: string,
    { followSymlinks = true }: FollowOptions = {},
    doing: string,
    change: (old: NodeAttributes) => NodeAttributes,
  ): Promise<void> {
    const working = await this.working();
    const place = working.resolve(path, { follow: followSymlinks ? "always" : "slash" }, doing);
    working.setAttributes(place, change(working.attributes(existing(place, doing))));
  }
}

/**
 * Checks whether a file can be written.
 * @returns where it is, or is to be, and the attributes it will have
 */
function checkWrite(
  working: WorkingTree,
  path: string,
  options: AttributeOptions | undefined,
  doing: string,
): { readonly place: Place<AnyDirectory>; readonly attributes: NodeAttributes } {
  const place = working.resolve(path, { follow: "always", missingParents: true }, doing);
  const { entry } = place;
  if (entry?.type === "directory" || (entry === undefined && place.directory)) {
    throw new SlipwayError("IS_A_DIRECTORY", `${doing}: it is a directory`);
  }
  if (entry === undefined) {
    return { place, attributes: changeAttributes(DEFAULT_ATTRIBUTES.file, options, doing) };
  }
  existing(place, doing);
  if (entry.type !== "file") {
    throw new SlipwayError(
      "FAILED_PRECONDITION",
      `${doing}: it is no regular file but a ${entry.type}; remove it first`,
    );
  }
  return { place, attributes: changeAttributes(working.current(entry), options, doing) };
}

/** The rules of `rename(2)`. @returns whether there is something to do */
function checkRename(
  working: WorkingTree,
  source: Place<AnyDirectory>,
  target: Place<AnyDirectory>,
  doing: string,
): boolean {
  for (const place of [source, target]) {
    if (place.parents.length === 0 || place.dots) {
      throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the root, . and .. cannot be renamed or replaced`);
    }
  }
  const entry = existing(source, doing);
  const { entry: replaced } = target;
  const from = namesOf(source);
  const to = namesOf(target);
  const common = from.every((name, i) => to[i] === name);
  if (entry.type !== "directory" && target.directory) {
    throw new SlipwayError(
      "NOT_A_DIRECTORY",
      `${doing}: ${pathOf(source)} is no directory, but the new path ends in /`,
    );
  }
  if (common && from.length === to.length) return false;
  if (common) throw new SlipwayError("INVALID_ARGUMENT", `${doing}: a directory cannot be moved into itself`);
  if (replaced === undefined) return true;
  if (to.every((name, i) => from[i] === name)) {
    throw new SlipwayError("NOT_EMPTY", `${doing}: ${pathOf(target)} holds what is to be moved`);
  }
  if (entry.type === "directory") {
    if (replaced.type !== "directory") {
      throw new SlipwayError("NOT_A_DIRECTORY", `${doing}: ${pathOf(target)} is there and no directory`);
    }
    if (replaced.entries.size > 0) {
      throw new SlipwayError("NOT_EMPTY", `${doing}: the directory ${pathOf(target)} has entries`);
    }
    return true;
  }
  if (replaced.type === "directory") {
    throw new SlipwayError("IS_A_DIRECTORY", `${doing}: ${pathOf(target)} is a directory`);
  }
  const inode = working.current(entry).inode;
  return inode === undefined || inode !== working.current(replaced).inode;
}

function checkFree(place: Place<AnyDirectory>, doing: string): void {
  if (place.entry !== undefined) throw alreadyThere(place, doing);
  if (place.directory) {
    throw new SlipwayError("NOT_FOUND", `${doing}: the directory ${pathOf(place)} does not exist`);
  }
}

function alreadyThere(place: Place<AnyDirectory>, doing: string): SlipwayError {
  return new SlipwayError("ALREADY_EXISTS", `${doing}: ${pathOf(place)} exists already`);
}

function deviceNumber(value: number | undefined, what: string, doing: string): number {
  const number = value ?? 0;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the ${what} number ${number} is not a whole number from 0 on`);
}

/**
 * Makes a directory of which the digest is known already, with all that is in it. Nothing of it is looked at before somebody wants it.
 * @returns false if nothing was made, since the snapshot cannot do that or copies the contents of files: it is to be made entry by entry
 * @throws SlipwayError `ALREADY_EXISTS`
 */
export async function putKnownDirectory(
  work: WritableSnapshot,
  path: string,
  directory: KnownDirectory,
): Promise<boolean> {
  return putsDirectories(work) && (await work.putDirectory(path, directory));
}

/** A snapshot that can take in a {@link KnownDirectory}. */
interface PutsDirectories {
  /** @returns false if it cannot take this one */
  putDirectory(path: string, directory: KnownDirectory): Promise<boolean>;
}

const putsDirectories = (work: WritableSnapshot): work is WritableSnapshot & PutsDirectories => "putDirectory" in work;
