import { type ContentStore, readBlob, withLease } from "../content/index.ts";
import { createMemoryImageStore } from "../images/index.ts";
import { isSlipwayError } from "../index.ts";
import type { DirectoryStore } from "../node/index.ts";
import type { Digest } from "../oci/index.ts";
import type { MetadataStore } from "../snapshots/index.ts";
import type { BuildStores } from "./build-store.ts";
import { type CachePlace, openTrusted } from "./cache-directory.ts";
import { CACHE_LIMIT, noteUse, shrinkCache } from "./cache-limit.ts";
import { realDirectory } from "./cache-trust.ts";

/** What earlier builds left, while one build runs. */
export interface BuildCache {
  /** Where what was learned of files is kept. */
  readonly metadata: MetadataStore;
  /** Stores for a build that has none of its own: what it makes is there for the next one, and is named nowhere. */
  readonly stores: BuildStores;
}

/** How a cache is used. */
export interface BuildCacheOptions {
  /** Told why a build is without a cache. */
  readonly note: (message: string) => void;
  /** Told that others have a say in what is in the cache, which is not used then. */
  readonly warn: (message: string) => void;
  /** Whether the work can be done once more when the cache was at fault: it has written nothing that cannot be taken back. */
  readonly repeatable: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` with the cache, or without one where it cannot be used: a home that may only be read, a full disk or a damaged blob
 * makes a build slow, and not fail. One that others can change is not used, not even on request.
 * @param place undefined: without
 * @throws what `work` throws; for a directory that was asked for, also what opening it does
 */
export async function withBuildCache<T>(
  place: CachePlace | undefined,
  options: BuildCacheOptions,
  work: (cache: BuildCache | undefined) => Promise<T>,
): Promise<T> {
  if (place === undefined) return await work(undefined);
  const { note, warn, repeatable, signal } = options;
  const directory = await realDirectory(place.directory);
  let use: CacheUse | string;
  try {
    const opened = await openTrusted(directory);
    use = typeof opened === "string" ? opened : await CacheUse.begin(opened);
  } catch (error) {
    if (place.asked || !isSlipwayError(error)) throw error;
    note(`no cache is used: ${error.message}`);
    return await work(undefined);
  }
  if (typeof use === "string") {
    warn(`no cache is used: ${use}`);
    return await work(undefined);
  }
  try {
    const result = await work(use.cache);
    await use.keep(signal).catch(() => undefined);
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    if (!isSlipwayError(error)) throw error;
    const why = (await use.removeDamaged()) ? "a layer in it is damaged" : error.message;
    const isAtFault = why !== error.message || error.message.includes(directory);
    if (!isAtFault || !repeatable()) throw error;
    note(`building anew without the cache: ${why}`);
  } finally {
    await use.end();
  }
  return await work(undefined);
}

/** One build's use of a cache: what it takes from it and puts into it is safe from other processes until its end. */
class CacheUse {
  readonly cache: BuildCache;
  readonly #store: DirectoryStore;
  readonly #release: () => Promise<void>;
  readonly #used: Set<Digest>;
  readonly #isNew: () => boolean;

  private constructor(
    store: DirectoryStore,
    content: ContentStore,
    used: Set<Digest>,
    isNew: () => boolean,
    release: () => Promise<void>,
  ) {
    this.#store = store;
    this.#used = used;
    this.#isNew = isNew;
    this.#release = release;
    const { metadata } = store;
    this.cache = { metadata, stores: { content, images: createMemoryImageStore(), metadata } };
  }

  static async begin(store: DirectoryStore): Promise<CacheUse> {
    const lease = await store.leases.create();
    const used = new Set<Digest>();
    let isNew = false;
    const content = withLease(store.content, {
      async add(digest) {
        await lease.add(digest);
        if (used.has(digest)) return;
        used.add(digest);
        isNew ||= await store.content.info(digest).then(
          () => false,
          () => true,
        );
      },
    });
    return new CacheUse(
      store,
      content,
      used,
      () => isNew,
      () => lease.release(),
    );
  }

  /** Notes what was used, and makes room if something came; under the lease still, which is what other builds' prunings go by. */
  async keep(signal: AbortSignal | undefined): Promise<void> {
    await noteUse(this.#store, this.#used);
    if (this.#isNew()) await shrinkCache(this.#store, CACHE_LIMIT, { inUse: this.#used, signal });
  }

  /**
   * Removes blobs of this build that are not what they are called. One that another build has made anew since it was read goes too: that
   * build finds it missing, and does without the cache.
   * @returns whether there were any
   */
  async removeDamaged(): Promise<boolean> {
    const { content } = this.#store;
    let found = false;
    for (const digest of this.#used) {
      try {
        const { size } = await content.info(digest);
        for await (const _ of readBlob(content, { digest, size }));
      } catch (error) {
        if (!isSlipwayError(error, "DIGEST_MISMATCH") && !isSlipwayError(error, "SIZE_MISMATCH")) continue;
        found = true;
        await content.delete(digest).catch(() => undefined);
      }
    }
    return found;
  }

  /** Never fails. */
  async end(): Promise<void> {
    await this.#release().catch(() => undefined);
    await this.#store.close().catch(() => undefined);
  }
}
