import { readdir, rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ContentStore } from "../content/index.ts";
import { collectGarbage, withLease } from "../content/index.ts";
import type { Image, ImageStore } from "../images/index.ts";
import { isSlipwayError } from "../index.ts";
import { type DirectoryStore, openDirectoryStore, openTemporaryStore } from "../node/index.ts";
import type { Digest } from "../oci/index.ts";
import type { MetadataStore } from "../snapshots/index.ts";
import { exists, makeParents, removeTree } from "./host-paths.ts";

/** What a build works with. */
export interface BuildStores {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly metadata: MetadataStore;
}

/** What becomes of what a failed operation has put into a store. */
export type AfterFailure = "undo" | "keep blobs";

/**
 * Runs `work` on the store in `directory`, or on one that vanishes at the end. Its blobs are safe from garbage collections
 * while it runs; if it fails, what it has put into the store is taken out again, and a store that was made for it is removed.
 * @param afterFailure `keep blobs`: what was fetched stays for the next try, and names are not touched
 */
export async function withBuildStore<T>(
  directory: string | undefined,
  work: (stores: BuildStores) => Promise<T>,
  afterFailure: AfterFailure = "undo",
): Promise<T> {
  if (directory === undefined) {
    const store = await openTemporaryStore();
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }
  const path = resolve(directory);
  const before = await whatIsThere(path);
  const removeParents = await makeParents(path);
  try {
    return await withDirectoryStore(path, work, afterFailure);
  } catch (error) {
    if (before !== "something") await removeIfUnused(path, before, afterFailure);
    await removeParents();
    throw error;
  }
}

async function withDirectoryStore<T>(
  path: string,
  work: (stores: BuildStores) => Promise<T>,
  afterFailure: AfterFailure,
): Promise<T> {
  const store = await openDirectoryStore(path);
  try {
    const lease = await store.leases.create();
    const changes = new StoreChanges(store);
    try {
      const content = withLease(store.content, {
        add: async (digest) => {
          await changes.noteBlob(digest);
          await lease.add(digest);
        },
      });
      return await work({ content, images: changes.images, metadata: changes.metadata });
    } catch (error) {
      // The reason of the failure is what counts, not what cleaning up says.
      if (afterFailure === "undo") await changes.undo(() => lease.release()).catch(() => undefined);
      throw error;
    } finally {
      await lease.release();
    }
  } finally {
    await store.close();
  }
}

/** What is new in a store, so that it can be taken out again. */
class StoreChanges {
  readonly #store: DirectoryStore;
  readonly #blobs = new Set<Digest>();
  readonly #seen = new Set<Digest>();
  readonly #records = new Set<string>();
  readonly #images = new Map<string, Image | undefined>();

  constructor(store: DirectoryStore) {
    this.#store = store;
  }

  /** Called before a blob is committed. */
  async noteBlob(digest: Digest): Promise<void> {
    if (this.#seen.has(digest)) return;
    this.#seen.add(digest);
    if (!(await isThere(this.#store.content.info(digest)))) this.#blobs.add(digest);
  }

  get metadata(): MetadataStore {
    const { metadata } = this.#store;
    const note = async (key: string): Promise<void> => {
      if ((await metadata.get(key)) === undefined) this.#records.add(key);
    };
    return {
      get: (key) => metadata.get(key),
      keys: (prefix) => metadata.keys(prefix),
      delete: (key) => metadata.delete(key),
      async set(key, value) {
        await note(key);
        await metadata.set(key, value);
      },
      async compareAndSet(key, expected, value) {
        await note(key);
        return await metadata.compareAndSet(key, expected, value);
      },
    };
  }

  get images(): ImageStore {
    const { images } = this.#store;
    const note = async (name: string): Promise<void> => {
      if (!this.#images.has(name)) this.#images.set(name, await images.get(name).catch(() => undefined));
    };
    return {
      get: (name) => images.get(name),
      list: () => images.list(),
      delete: (name) => images.delete(name),
      async create(image) {
        await note(image.name);
        return await images.create(image);
      },
      async update(image) {
        await note(image.name);
        return await images.update(image);
      },
    };
  }

  /** Names first, then records, then the blobs that nobody else refers to or holds. */
  async undo(releaseLease: () => Promise<void>): Promise<void> {
    const { images, metadata, leases } = this.#store;
    for (const [name, image] of this.#images) {
      await (image === undefined ? images.delete(name) : images.update(image)).catch(unlessGone);
    }
    for (const key of this.#records) await metadata.delete(key);
    await releaseLease();
    const { content } = this.#store;
    await collectGarbage({ content, among: this.#blobs, roots: () => this.#store.roots(), leases });
  }
}

async function isThere(asked: Promise<unknown>): Promise<boolean> {
  return await asked.then(
    () => true,
    (error: unknown) => {
      unlessGone(error);
      return false;
    },
  );
}

function unlessGone(error: unknown): void {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}

async function whatIsThere(path: string): Promise<"nothing" | "empty directory" | "something"> {
  if (!(await exists(path))) return "nothing";
  const names = await readdir(path).catch(() => ["not a directory that can be read"]);
  return names.length === 0 ? "empty directory" : "something";
}

/**
 * Removes a layout that was made for an operation that failed, unless there is something in it: an image or a blob of another process, what
 * was fetched for the next try, a record of an upload.
 */
export async function removeIfUnused(
  path: string,
  before: "nothing" | "empty directory",
  afterFailure: AfterFailure = "keep blobs",
): Promise<void> {
  try {
    const store = await openDirectoryStore(path, { create: false });
    const used = await isUsed(store, afterFailure);
    await store.close();
    if (used) return;
  } catch {
    // Not even a layout yet: there is nothing to keep, and nothing to remove but what is empty.
    if (before === "nothing") await rmdir(path).catch(() => undefined);
    return;
  }
  for (const name of await readdir(path).catch(() => [])) await removeTree(join(path, name));
  if (before === "nothing") await rmdir(path).catch(() => undefined);
}

/** Whether there is anything in a store that somebody may want to have again. */
export async function isUsed(
  { content, metadata, roots }: DirectoryStore,
  afterFailure: AfterFailure,
): Promise<boolean> {
  if ((await roots()).length > 0 || (await metadata.keys("")).length > 0) return true;
  for await (const _ of content.list()) return true;
  // What was written in part is of use only to who goes on with it.
  if (afterFailure === "keep blobs") for await (const _ of content.statuses()) return true;
  return false;
}
