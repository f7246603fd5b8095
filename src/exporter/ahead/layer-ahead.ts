import { blobSource, type ReopenableSource } from "../../bytes.ts";
import { entryHeader, type LayerEntry, layerEntries, linkHeader } from "../../diff/layer-entries.ts";
import { LayerRecipe, recipeOf } from "../../diff/layer-recipe.ts";
import { SlipwayError } from "../../errors.ts";
import type { HasherFactory } from "../../hash/hasher.ts";
import { EMPTY_DIGEST } from "../../hash/index.ts";
import type { Digest } from "../../oci/digest.ts";
import { DEFAULT_ATTRIBUTES } from "../../snapshots/attributes.ts";
import { comparePaths, joinPath, splitPath } from "../../snapshots/path.ts";
import type { FileContent } from "../../snapshots/snapshotter.ts";
import type { DirectoryNode, NodeAttributes, Tree, TreeNode } from "../../snapshots/tree.ts";
import type { TarHeader, TarInput } from "../../tar/index.ts";
import type { RecordedLayer } from "../blob-records.ts";
import { AheadEntry } from "./ahead-entry.ts";
import { EntryQueue } from "./entry-queue.ts";
import { tapped } from "./tapped-source.ts";

/** What a layer is written ahead with. */
export interface LayerAheadOptions {
  readonly hasher: HasherFactory;
  readonly sourceDateEpoch: number | undefined;
  /**
   * Writes the layer of these entries. What it throws is told to nobody.
   * @param written the same entries as those of the finished tree; to be asked when all have come
   */
  readonly write: (entries: AsyncIterable<TarInput>, written: () => Iterable<LayerEntry>) => Promise<RecordedLayer>;
}

/** A file that is being put into the snapshot. */
export interface AnnouncedFile {
  /** To be written in place of the content. */
  readonly content: FileContent;
  readonly entry: AheadEntry;
}

/**
 * The layer of a snapshot on nothing, written while files are still put into the snapshot: they are then read once, and compressed while
 * the next ones are read. That is a wager on them coming in the order of the layer, each once, with the attributes that they keep. Whether
 * it was won is told by the finished tree: the layer's recipe must be the tree's, or else there is no layer. So whatever goes
 * wrong here costs time only.
 */
export class LayerAhead {
  readonly #options: LayerAheadOptions;
  readonly #queue = new EntryQueue();
  readonly #directories = new Set<string>([""]);
  /** Entries that are announced and not in the snapshot yet. */
  readonly #pending = new Set<AheadEntry>();
  #last = "";
  #isGivenUp = false;
  #writing: Promise<RecordedLayer | undefined> | undefined;
  #expected: Digest | undefined;
  #written: () => Iterable<LayerEntry> = () => [];

  constructor(options: LayerAheadOptions) {
    this.#options = options;
  }

  /** Takes what is not followed by a content. Undefined for a node: the order or the kind of change is not that of a layer. */
  announce(path: string, node: TreeNode | undefined): void {
    if (node === undefined) this.giveUp();
    else this.#enter(path, (name) => entryHeader(name, node, this.#options));
  }

  /** Takes a directory, which may be there already if that is `allowed`. */
  announceDirectory(path: string, attributes: NodeAttributes | undefined, allowed: boolean): void {
    if (allowed && this.#directories.has(path)) return;
    this.announce(path, attributes && emptyDirectory(attributes));
  }

  /** Takes another name of a file. */
  announceLink(path: string, node: TreeNode, carrier: string): void {
    this.#enter(path, (name) => linkHeader(name, node, carrier, this.#options));
  }

  /** Takes a file whose content comes when it is written. Undefined if the layer was given up. */
  announceFile(path: string, attributes: NodeAttributes, content: FileContent): AnnouncedFile | undefined {
    const source = content instanceof Blob ? blobSource(content) : content;
    const size = sizeOf(source);
    // What is known need not be read, and may be in a layer already.
    if (size === undefined || (isKnown(source) && size > 0)) {
      this.giveUp();
      return undefined;
    }
    const node: TreeNode = { type: "file", ...attributes, content: EMPTY_DIGEST, size };
    const entry = this.#enter(path, (name) => entryHeader(name, node, this.#options), size > 0);
    if (entry === undefined) return undefined;
    this.#start();
    if (size === 0) return { content, entry };
    this.#pending.add(entry);
    if (source instanceof Uint8Array || typeof source === "string") {
      // A copy: its owner may change it as soon as it is in the snapshot.
      const bytes = typeof source === "string" ? new TextEncoder().encode(source) : source.slice();
      entry.provide(bytes);
      return { content: bytes, entry };
    }
    return { content: tapped(source as ReopenableSource, entry), entry };
  }

  /** An announced file is in the snapshot. */
  written({ entry }: AnnouncedFile, digest: Digest | undefined): void {
    this.#pending.delete(entry);
    if (digest === undefined) this.giveUp();
    else entry.written(digest);
  }

  /** Resolves when more entries can be taken. */
  async room(): Promise<void> {
    if (!this.#queue.isFull) return;
    this.#start();
    await this.#queue.room();
  }

  /** Ends the layer. Nothing remains of it. */
  giveUp(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    for (const entry of this.#pending) entry.fail();
    this.#pending.clear();
    this.#queue.abandon();
  }

  /** The layer, if it is that of this tree. */
  async finish(tree: Tree): Promise<RecordedLayer | undefined> {
    // A snapshot of nothing has no layer.
    if (tree.root.entries.size === 0) this.giveUp();
    if (!this.#isGivenUp) {
      try {
        const { hasher, sourceDateEpoch } = this.#options;
        this.#written = () => layerEntries(undefined, tree, { sourceDateEpoch });
        this.#expected = recipeOf(this.#written(), hasher);
        this.#queue.end();
        this.#start();
      } catch {
        this.giveUp();
      }
    }
    return await this.#writing;
  }

  /** Gives it up, and resolves when nothing is under way any more. */
  async abandon(): Promise<void> {
    this.giveUp();
    await this.#writing;
  }

  #enter(path: string, header: (name: string) => TarHeader, hasContent = false): AheadEntry | undefined {
    if (this.#isGivenUp) return undefined;
    try {
      const name = this.#place(path);
      const entry = new AheadEntry(header(name), hasContent);
      if (entry.header.type === "directory") this.#directories.add(name);
      this.#queue.push(entry);
      return entry;
    } catch {
      // What a layer cannot hold: who makes it later says so.
      this.giveUp();
      return undefined;
    }
  }

  /** The path in its one form, after the directories that are missing on the way. */
  #place(path: string): string {
    // Nearly all come into a directory that is there, by the path that it was made by.
    const slash = path.lastIndexOf("/");
    if (this.#directories.has(path.slice(0, slash)) && isPlainName(path, slash + 1)) {
      this.#follow(path);
      return path;
    }
    const { names, dots } = splitPath(path, "Cannot write a layer");
    if (dots || names.length === 0 || names.includes("..")) throw unordered(path);
    let parent = "";
    for (const name of names.slice(0, -1)) {
      parent += `/${name}`;
      if (!this.#directories.has(parent)) this.#makeParent(parent);
    }
    const canonical = joinPath(names);
    this.#follow(canonical);
    return canonical;
  }

  #makeParent(path: string): void {
    this.#follow(path);
    this.#directories.add(path);
    const header = entryHeader(path, emptyDirectory(DEFAULT_ATTRIBUTES.directory), this.#options);
    this.#queue.push(new AheadEntry(header, false));
  }

  #follow(path: string): void {
    if (this.#last !== "" && comparePaths(this.#last, path) >= 0) throw unordered(path);
    this.#last = path;
  }

  #start(): void {
    this.#writing ??= this.#options
      .write(this.#entries(), () => this.#written())
      .catch(() => {
        this.giveUp();
        return undefined;
      });
  }

  async *#entries(): AsyncGenerator<TarInput, void, undefined> {
    const recipe = new LayerRecipe(this.#options.hasher);
    for (let entry = await this.#queue.take(); entry !== undefined; entry = await this.#queue.take()) {
      const { header, hasContent } = entry;
      if (!hasContent) {
        recipe.add(header, undefined);
        yield { header };
        continue;
      }
      const content = await entry.content();
      if (content === undefined) break;
      yield { header, content };
      const digest = await entry.digest();
      if (digest === undefined) break;
      recipe.add(header, digest);
    }
    if (this.#isGivenUp || recipe.digest() !== this.#expected) {
      throw new SlipwayError(
        "FAILED_PRECONDITION",
        "Cannot write a layer ahead: the snapshot became another than was announced",
      );
    }
  }
}

const emptyDirectory = (attributes: NodeAttributes): DirectoryNode => {
  return { type: "directory", ...attributes, entries: new Map(), digest: EMPTY_DIGEST };
};

/** Whether what begins there is one name that means itself. */
function isPlainName(path: string, at: number): boolean {
  const length = path.length - at;
  if (length === 0 || (length <= 2 && path.endsWith("."))) return false;
  return length < 80 && !NOT_PLAIN.test(path);
}

// What may be checked or changed when a path is taken apart.
const NOT_PLAIN = /[\0\ud800-\udfff]/;

function unordered(path: string): SlipwayError {
  return new SlipwayError("FAILED_PRECONDITION", `Cannot write a layer ahead: ${path} is not what comes next in it`);
}

/** Bytes of a content, where that is known before it is read. */
function sizeOf(content: FileContent): number | undefined {
  if (typeof content === "string") return new TextEncoder().encode(content).byteLength;
  if (content instanceof Uint8Array) return content.byteLength;
  return typeof content === "object" && content !== null && "size" in content ? content.size : undefined;
}

const isKnown = (content: FileContent): boolean =>
  typeof content === "object" && content !== null && "digest" in content;
