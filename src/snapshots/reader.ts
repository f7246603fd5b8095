import type { ByteRange } from "../bytes.ts";
import { readAll } from "../bytes.ts";
import { resolveRange } from "../content/range.ts";
import { readBlob } from "../content/read.ts";
import type { ContentStore } from "../content/store.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { existing, pathOf } from "./resolve.ts";
import type { FileStat, SnapshotReader } from "./snapshotter.ts";
import type { FileNode, Tree } from "./tree.ts";
import type { WorkingTree } from "./working-tree.ts";

/** Where a snapshot's bytes come from. */
export interface ContentOrigin {
  readonly content: ContentStore;
  readonly hasher: HasherFactory | undefined;
}

/** The readable side of every snapshot, over its tree. */
export class TreeReader implements SnapshotReader {
  /** The tree, loaded when it is first needed. Rejects when the snapshot cannot be read any more. */
  protected readonly working: () => Promise<WorkingTree>;
  readonly #origin: ContentOrigin;

  constructor(working: () => Promise<WorkingTree>, origin: ContentOrigin) {
    this.working = working;
    this.#origin = origin;
  }

  async tree(): Promise<Tree> {
    return (await this.working()).freeze();
  }

  async stat(path: string): Promise<FileStat> {
    return await this.#stat(path, "always");
  }

  async lstat(path: string): Promise<FileStat> {
    return await this.#stat(path, "slash");
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch (error) {
      if (isSlipwayError(error, "NOT_FOUND") || isSlipwayError(error, "NOT_A_DIRECTORY")) return false;
      throw error;
    }
  }

  async readdir(path: string): Promise<readonly string[]> {
    const doing = `Cannot list ${path}`;
    const working = await this.working();
    const entry = existing(working.resolve(path, { follow: "always" }, doing), doing);
    if (entry.type !== "directory") throw new SlipwayError("NOT_A_DIRECTORY", `${doing}: it is no directory`);
    return [...entry.entries.keys()];
  }

  async readlink(path: string): Promise<string> {
    const doing = `Cannot read the symlink ${path}`;
    const working = await this.working();
    const entry = existing(working.resolve(path, { follow: "slash" }, doing), doing);
    if (entry.type !== "symlink") throw new SlipwayError("INVALID_ARGUMENT", `${doing}: it is no symlink`);
    return entry.target;
  }

  async *read(path: string, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    const doing = `Cannot read ${path}`;
    const { content: digest, size } = await this.#file(path, doing);
    const { content, hasher } = this.#origin;
    const { start, end } = resolveRange(size, range, path);
    let position = 0;
    // All of it is read, because only all of it can be verified; an error in it comes before the end is reported.
    for await (const chunk of readBlob(content, { digest, size }, { hasher })) {
      const from = Math.max(start - position, 0);
      const to = Math.min(end - position, chunk.byteLength);
      if (from < to) yield from === 0 && to === chunk.byteLength ? chunk : chunk.subarray(from, to);
      position += chunk.byteLength;
    }
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await readAll(this.read(path), Number.MAX_SAFE_INTEGER, path);
  }

  async readTextFile(path: string): Promise<string> {
    return new TextDecoder().decode(await this.readFile(path));
  }

  async #file(path: string, doing: string): Promise<FileNode> {
    const working = await this.working();
    const entry = existing(working.resolve(path, { follow: "always" }, doing), doing);
    if (entry.type === "directory") throw new SlipwayError("IS_A_DIRECTORY", `${doing}: it is a directory`);
    const node = working.current(entry);
    if (node.type === "file") return node;
    throw new SlipwayError("INVALID_ARGUMENT", `${doing}: it is no regular file but a ${node.type}`);
  }

  async #stat(path: string, follow: "always" | "slash"): Promise<FileStat> {
    const doing = `Cannot stat ${path}`;
    const working = await this.working();
    const place = working.resolve(path, { follow }, doing);
    const entry = existing(place, doing);
    return { node: working.node(entry), path: pathOf(place), links: working.linkCount(entry) };
  }
}
