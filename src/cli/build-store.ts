import { readdir, rmdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { ContentStore } from "../content/index.ts";
import { collectGarbage, confirmLease, type Lease, withLease } from "../content/index.ts";
import { createMemoryImageStore, type Image, type ImageStore } from "../images/index.ts";
import { isSlipwayError } from "../index.ts";
import { type DirectoryStore, openDirectoryStore, openTemporaryStore } from "../node/index.ts";
import type { Digest } from "../oci/index.ts";
import type { MetadataStore } from "../snapshots/index.ts";
import { exists, makeParents } from "./host-paths.ts";

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
 * @param afterFailure `keep blobs`: what was fetched stays for the next try; names are taken back all the same
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
    const changes = new StoreChanges(store, lease);
    try {
      const content = withLease(store.content, { add: (digest) => changes.protect(digest) });
      const result = await work({ content, images: changes.images, metadata: changes.metadata });
      await changes.giveNames();
      await confirmLease(store.leases, lease);
      return result;
    } catch (error) {
      // The reason of the failure is what counts, not what cleaning up says.
      await changes.undo(afterFailure).catch(() => undefined);
      throw error;
    } finally {
      await lease.release();
    }
  } finally {
    await store.close();
  }
}

/** How often a name may change hands between our look and our change before we give up. */
const ATTEMPTS = 100;

/** What a change of a name fails with if it has changed hands. */
const CHANGED = ["ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION"] as const;

/** What an operation changes in a store, so that it can be taken back. */
class StoreChanges {
  readonly #store: DirectoryStore;
  readonly #lease: Lease;
  readonly #blobs = new Set<Digest>();
  readonly #protected = new Map<Digest, Promise<void>>();
  readonly #records = new Map<string, Uint8Array>();
  /** In the order in which they were given first. */
  readonly #names = new Map<string, Image>();
  readonly #given: { readonly image: Image; readonly before: Image | undefined }[] = [];

  constructor(store: DirectoryStore, lease: Lease) {
    this.#store = store;
    this.#lease = lease;
  }

  /**
   * Puts a blob under the lease, and notes whether it is new. In this order: what was there before it was protected may be gone by the time
   * it is written, and would be left then.
   */
  protect(digest: Digest): Promise<void> {
    const known = this.#protected.get(digest);
    if (known !== undefined) return known;
    const protecting = (async () => {
      await this.#lease.add(digest);
      if (!(await isThere(this.#store.content.info(digest)))) this.#blobs.add(digest);
    })();
    this.#protected.set(digest, protecting);
    return protecting;
  }

  get metadata(): MetadataStore {
    const { metadata } = this.#store;
    const isOurs = async (key: string): Promise<boolean> =>
      this.#records.has(key) || (await metadata.get(key)) === undefined;
    return {
      get: (key) => metadata.get(key),
      keys: (prefix) => metadata.keys(prefix),
      delete: (key) => metadata.delete(key),
      set: async (key, value) => {
        if (await isOurs(key)) this.#records.set(key, value);
        await metadata.set(key, value);
      },
      compareAndSet: async (key, expected, value) => {
        if (value !== undefined && (await isOurs(key))) this.#records.set(key, value);
        return await metadata.compareAndSet(key, expected, value);
      },
    };
  }

  /**
   * Keeps the names until the operation has succeeded, so that one that fails has none to take back: the same name for the same image may be
   * another build's by then, which cannot be told from ours.
   */
  get images(): ImageStore {
    const images = createMemoryImageStore();
    const note = (image: Image): Image => {
      this.#names.set(image.name, image);
      return image;
    };
    return {
      get: (name) => images.get(name),
      list: () => images.list(),
      create: async (image) => note(await images.create(image)),
      update: async (image, options) => note(await images.update(image, options)),
      delete: async (name, options) => {
        await images.delete(name, options);
        this.#names.delete(name);
      },
    };
  }

  async giveNames(): Promise<void> {
    for (const image of this.#names.values()) await this.#giveName(image);
  }

  /** Whatever the name stands for. */
  async #giveName(image: Image): Promise<void> {
    const { images } = this.#store;
    for (let attempt = 1; ; attempt++) {
      const before = await images.get(image.name).catch(unlessGone);
      // While it has its name still: if another name fails, it gets this one back, and must be whole then.
      if (before !== undefined) await this.#lease.add(before.target.digest);
      try {
        if (before === undefined) await images.create(image);
        else await images.update(image, { replaces: before.target.digest });
        this.#given.push({ image, before });
        return;
      } catch (error) {
        const isChanged = CHANGED.some((code) => isSlipwayError(error, code));
        if (!isChanged || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Names first, while the lease protects what they stood for; then records; then the blobs that nobody else refers to or holds. */
  async undo(afterFailure: AfterFailure): Promise<void> {
    const { content, images, metadata, leases } = this.#store;
    for (const { image, before } of this.#given.toReversed()) {
      const { name, target } = image;
      const undone =
        before === undefined
          ? images.delete(name, { target: target.digest })
          : images.update(before, { replaces: target.digest });
      await undone.catch((error: unknown) => {
        // Somebody else has given the name to another image by now.
        if (!isSlipwayError(error, "FAILED_PRECONDITION")) unlessGone(error);
      });
    }
    if (afterFailure === "keep blobs") return;
    for (const [key, value] of this.#records) await metadata.compareAndSet(key, value, undefined);
    await this.#lease.release();
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

function unlessGone(error: unknown): undefined {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}

async function whatIsThere(path: string): Promise<"nothing" | "empty directory" | "something"> {
  if (!(await exists(path))) return "nothing";
  const names = await readdir(path).catch(() => ["not a directory that can be read"]);
  return names.length === 0 ? "empty directory" : "something";
}

/**
 * Removes a layout that was made for an operation that failed, unless there is something in it: an image, a blob or a lease of another
 * process, what was fetched for the next try, a record of an upload.
 */
export async function removeIfUnused(
  path: string,
  before: "nothing" | "empty directory",
  afterFailure: AfterFailure = "keep blobs",
): Promise<void> {
  try {
    const store = await openDirectoryStore(path, { create: false });
    // What was written in part is of use only to who goes on with it. What another process is writing cannot be aborted, and stays.
    if (afterFailure === "undo") {
      for await (const { ref } of store.content.statuses()) await store.content.abort(ref).catch(() => undefined);
    }
    await store.removeIfEmpty();
  } catch {
    // Not even a layout yet: there is nothing to remove but what is empty.
  }
  if (before === "nothing") await rmdir(path).catch(() => undefined);
}
