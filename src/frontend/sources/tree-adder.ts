import { SMALL_SIZE } from "../../bytes.ts";
import { setAttributes } from "../../diff/set-attributes.ts";
import { SlipwayError } from "../../errors.ts";
import { type ProgressEvent, runStep, type StepReporter } from "../../progress.ts";
import { DEFAULT_ATTRIBUTES } from "../../snapshots/attributes.ts";
import type { KnownDirectory } from "../../snapshots/known-directory.ts";
import { type Leaf, specialNode, symlinkNode } from "../../snapshots/node.ts";
import { joinPath, splitPath } from "../../snapshots/path.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import type { DirectoryNode, NodeAttributes } from "../../snapshots/tree.ts";
import { addKnown } from "./add-known.ts";
import { Counts, type KnownCounts } from "./counts.ts";
import { checkNames, entryNames } from "./entry-name.ts";
import { HardLinks } from "./hard-links.ts";
import { type AddedEntries, type SourceOptions, wantedAttributes } from "./options.ts";
import { notEntered, type Place, Places } from "./places.ts";
import { Selection } from "./selection.ts";
import type { SourceKind } from "./source-kind.ts";
import { isKnown, type SourceNode } from "./source-node.ts";
import { TaskPool } from "./task-pool.ts";

/** Files that are read at the same time. */
const CONCURRENCY = 8;

/**
 * Puts what `fill` adds into a snapshot, as one step.
 * @throws SlipwayError what the source and {@link TreeAdder.add} throw
 */
export async function addTree(
  work: WritableSnapshot,
  options: SourceOptions,
  kind: SourceKind,
  fill: (adder: TreeAdder) => Promise<void>,
): Promise<AddedEntries> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  return await runStep(onProgress, { id: kind.name, name: kind.name }, async (report) => {
    const dest = joinPath(splitPath(options.dest ?? "/", `Cannot add to ${options.dest}`).names);
    if (dest !== "/") await work.mkdir(dest, { recursive: true });
    const adder = new TreeAdder(work, (await work.tree()).root, dest, kind, options, report);
    try {
      await fill(adder);
      return await adder.finish();
    } catch (error) {
      await adder.stop(error);
      signal?.throwIfAborted();
      throw error;
    } finally {
      adder.close();
    }
  });
}

/**
 * The one set of rules by which the entries of all sources come into a snapshot. A directory that the snapshot had at the
 * beginning, also as a symlink to one, takes in the entries and stays as it is otherwise; anything else is replaced, except that
 * nothing but a directory comes in a directory's place. Symlinks that the source itself brings are never followed. The result
 * does not depend on the order of the entries, as long as no path comes twice and hard links come after what they name.
 */
export class TreeAdder {
  /** Aborted when the caller's signal is, or when the source fails. */
  readonly signal: AbortSignal;
  readonly #work: WritableSnapshot;
  readonly #places: Places;
  /** The names of the entry before, and the directory that it came into. */
  #last: { readonly names: readonly string[]; readonly place: Place };
  readonly #kind: SourceKind;
  readonly #options: SourceOptions;
  readonly #report: StepReporter;
  readonly #stop = new AbortController();
  readonly #pool = new TaskPool(CONCURRENCY);
  readonly #links: HardLinks;
  readonly #counts: Counts;
  readonly #selection: Selection;
  /** Attributes of directories that the filter leaves out: they come along with the first entry in them that is taken. */
  readonly #leftOut = new Map<string, NodeAttributes>();
  readonly #onAbort = (): void => this.#stop.abort(this.#options.signal?.reason);

  /**
   * @param before what the snapshot has so far, `dest` among it
   * @param dest where the entries come
   */
  constructor(
    work: WritableSnapshot,
    before: DirectoryNode,
    dest: string,
    kind: SourceKind,
    options: SourceOptions,
    report: StepReporter,
  ) {
    this.#work = work;
    this.#places = new Places(before, dest);
    this.#last = { names: [""], place: this.#places.dest };
    this.#kind = kind;
    this.#options = options;
    this.#report = report;
    this.#links = new HardLinks(work, this.#places, kind.ordered === true, () => this.#pool.finish());
    this.#counts = new Counts(kind);
    this.#selection = new Selection(kind.filtered === true ? undefined : options.filter);
    this.signal = this.#stop.signal;
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  /** Whether the filter takes anything in a directory; asking spares the source from reading it. */
  enters(path: string): boolean {
    return this.#selection.directory(path) !== "skip-tree";
  }

  /** Tells the caller of something that is left out. */
  warn(message: string): void {
    this.#options.onWarning?.(message);
  }

  /**
   * Adds an entry. The content of a file may still be read when this resolves.
   * @param path in the source; a leading `/` means nothing
   * @param label what it is called in messages
   * @throws SlipwayError `INVALID_PATH`, `IS_A_DIRECTORY`, `NOT_A_DIRECTORY`, `ALREADY_EXISTS`, and what writing it throws
   */
  async add(path: string, node: SourceNode, label: string = path): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const doing = `Cannot add ${label}`;
    const names = entryNames(path, doing);
    const name = names.at(-1);
    if (name === undefined) {
      if (node.type === "directory") return;
      throw new SlipwayError("INVALID_PATH", `${doing}: it has no name`);
    }
    if (!(await this.#takes(names, node, doing))) return;
    checkNames(names, doing);
    this.#counts.entries++;
    const parent = await this.#parentOf(names, doing);
    if (node.type === "directory") await this.#addDirectory(parent, name, node.attributes, doing);
    else await this.#addLeaf(parent, name, node, doing);
  }

  /**
   * Adds a directory with all that is in it, unread. Nothing may be added to it afterwards.
   * @param counts of what is in it, itself among the entries
   * @returns false if nothing was added: it is to be added entry by entry, since something is there, or the snapshot copies contents
   */
  async addKnown(path: string, directory: KnownDirectory, counts: KnownCounts): Promise<boolean> {
    this.#options.signal?.throwIfAborted();
    const doing = `Cannot add ${path}`;
    const names = entryNames(path, doing);
    const name = names.at(-1);
    if (name === undefined) return false;
    if (!(await addKnown(this.#work, await this.#parentOf(names, doing), name, directory))) return false;
    this.#counts.countKnown(counts);
    return true;
  }

  /** Waits for what is still read, and makes the hard links. */
  async finish(): Promise<AddedEntries> {
    await this.#pool.finish();
    await this.#links.make();
    if (this.#counts.files > 0 && this.#counts.cached === this.#counts.files) this.#report.cached();
    return { entries: this.#counts.entries, size: this.#counts.size };
  }

  /** Ends what is still read. */
  async stop(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    await this.#pool.settle();
  }

  /** Lets go of the caller's signal. */
  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  async #takes(names: readonly string[], node: SourceNode, doing: string): Promise<boolean> {
    if (this.#selection.isWhole) return true;
    const path = names.join("/");
    if (node.type !== "directory") return this.#selection.file(path);
    const answer = this.#selection.directory(path);
    if (answer !== false) return answer === true;
    const attributes = wantedAttributes(this.#options, node.attributes);
    this.#leftOut.set(path, attributes);
    const there = this.#places.find(names, doing);
    if (there?.entry?.type === "directory" && there.entry.cleared) {
      await setAttributes(this.#work, there.path, attributes, { replaceXattrs: true });
    }
    return false;
  }

  /** The directory that an entry comes into. Most come into the same as the one before, and no directory is ever replaced. */
  async #parentOf(names: readonly string[], doing: string): Promise<Place> {
    const last = this.#last;
    const depth = names.length - 1;
    let same = depth === last.names.length - 1;
    for (let i = depth - 1; same && i >= 0; i--) same = names[i] === last.names[i];
    const place = same ? last.place : await this.#enter(names.slice(0, -1), doing);
    this.#last = { names, place };
    return place;
  }

  /** The directory of these names, made if need be. */
  async #enter(names: readonly string[], doing: string): Promise<Place> {
    let place = this.#places.dest;
    for (const [at, name] of names.entries()) {
      const next = this.#places.step(place, name);
      if (next !== undefined) {
        place = next;
        continue;
      }
      const entry = place.directory.get(name);
      if (entry !== undefined && place.directory.isOwn(name)) throw notEntered(entry, `${place.path}/${name}`, doing);
      const leftOut = this.#leftOut.size > 0 ? this.#leftOut.get(names.slice(0, at + 1).join("/")) : undefined;
      if (leftOut !== undefined) this.#counts.entries++;
      place = await this.#makeDirectory(place, name, leftOut ?? DEFAULT_ATTRIBUTES.directory, doing);
    }
    return place;
  }

  async #addDirectory(parent: Place, name: string, said: NodeAttributes, doing: string): Promise<void> {
    const attributes = wantedAttributes(this.#options, said);
    const existing = this.#places.step(parent, name);
    if (existing === undefined) {
      await this.#makeDirectory(parent, name, attributes, doing);
    } else if (existing.directory.cleared) {
      // The source has brought it: now it says how it is.
      await setAttributes(this.#work, existing.path, attributes, { replaceXattrs: true });
    }
  }

  async #makeDirectory(parent: Place, name: string, attributes: NodeAttributes, doing: string): Promise<Place> {
    const path = `${parent.path}/${name}`;
    await this.#makeRoom(parent, name, doing);
    this.#counts.countMade(doing);
    await this.#work.mkdir(path, attributes);
    const directory = parent.directory.make();
    parent.directory.put(name, directory);
    return { directory, path };
  }

  async #addLeaf(
    parent: Place,
    name: string,
    node: Exclude<SourceNode, { type: "directory" }>,
    doing: string,
  ): Promise<void> {
    const path = `${parent.path}/${name}`;
    // Looked for before anything is removed: a link to itself would take away what it names.
    const linked = node.type === "link" ? this.#links.existing(node.target, path, doing) : "";
    if (parent.directory.get(name) !== undefined) await this.#makeRoom(parent, name, doing);
    this.#counts.countMade(doing);
    switch (node.type) {
      case "link":
        await this.#links.link(linked, path);
        break;
      case "file":
        await this.#addFile(path, node, doing);
        break;
      case "symlink": {
        const target = typeof node.target === "string" ? node.target : await node.target();
        await this.#work.symlink(target, path, wantedAttributes(this.#options, node.attributes));
        break;
      }
      case "fifo":
        await this.#work.mknod(path, "fifo", wantedAttributes(this.#options, node.attributes));
        break;
      default: {
        const { attributes, type, major, minor } = node;
        await this.#work.mknod(path, type, { ...wantedAttributes(this.#options, attributes), major, minor });
      }
    }
    parent.directory.put(name, node.type === "symlink" ? SYMLINK : LEAF);
  }

  async #addFile(path: string, node: Extract<SourceNode, { type: "file" }>, doing: string): Promise<void> {
    this.#counts.countFile(node.size, doing);
    const attributes = wantedAttributes(this.#options, node.attributes);
    if (isKnown(node.content)) {
      this.#counts.cached++;
      this.#counts.written += node.size;
      // Next to nothing is done: not worth a place in the pool, nor an event.
      await this.#work.writeFile(path, node.content, { ...attributes, signal: this.signal });
      node.written?.();
      return;
    }
    const write = async (): Promise<void> => {
      let counted = 0;
      const count = (current: number): void => {
        this.#counts.written += current - counted;
        counted = current;
        this.#report.running(this.#counts.written);
      };
      // A large file is to show that it moves; a small one would pay more for that than for being read.
      const onProgress =
        node.size > SMALL_SIZE && this.#options.onProgress
          ? ({ current }: ProgressEvent) => count(current ?? 0)
          : undefined;
      await this.#work.writeFile(path, node.content, { ...attributes, signal: this.signal, onProgress });
      node.written?.();
      count(node.size);
      if (node.hashed !== undefined) {
        const written = (await this.#work.lstat(path)).node;
        if (written.type === "file") node.hashed(written.content);
      }
    };
    if (this.#kind.sequential === true) await write();
    else await this.#pool.start(write);
  }

  /** Takes away what is at the place of something else. */
  async #makeRoom({ directory, path }: Place, name: string, doing: string): Promise<void> {
    const entry = directory.get(name);
    if (entry === undefined) return;
    const there = `${path}/${name}`;
    if (entry.type === "directory") {
      throw new SlipwayError("IS_A_DIRECTORY", `${doing}: ${there} is a directory already`);
    }
    if (!directory.isOwn(name)) {
      await this.#work.remove(there);
    } else if (this.#kind.lastStands === true) {
      await this.#pool.finish();
      await this.#links.remove(there);
    } else {
      throw new SlipwayError("ALREADY_EXISTS", `${doing}: there is another entry for ${there}`);
    }
    directory.delete(name);
    // It may have been a symlink to where the last entry came.
    this.#last = { names: [""], place: this.#places.dest };
  }
}

// What the source brings is only looked at for being a symlink or something else.
const LEAF: Leaf = specialNode(DEFAULT_ATTRIBUTES.file, "fifo", 0, 0);
const SYMLINK: Leaf = symlinkNode(DEFAULT_ATTRIBUTES.symlink, "nowhere");
