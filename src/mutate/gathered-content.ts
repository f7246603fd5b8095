import type { ByteRange } from "../bytes.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";

/**
 * What one image consists of, from several places: a store that takes the new, places known for certain blobs, and one for all the
 * rest. Labels come along, such as those that say in which repositories of a registry a blob is.
 */
export class GatheredContent implements ContentProvider {
  remote: boolean;
  readonly hasher: HasherFactory | undefined;
  readonly verifier: StreamHasherFactory | undefined;
  readonly #store: ContentStore;
  readonly #rest: ContentProvider;
  readonly #places = new Map<Digest, ContentProvider>();

  constructor(store: ContentStore, rest: ContentProvider, hasher: HasherFactory | undefined) {
    this.#store = store;
    this.#rest = rest;
    this.remote = rest.remote === true;
    this.hasher = hasher ?? store.hasher;
    // One that the caller gave is to be used.
    this.verifier = hasher === undefined ? store.verifier : undefined;
  }

  /** Says where a blob is that the store may lack. */
  place(digest: Digest, at: ContentProvider): void {
    this.#places.set(digest, at);
    if (at.remote === true) this.remote = true;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    try {
      return await this.#store.info(digest);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
      return await this.#elsewhere(digest).info(digest);
    }
  }

  async *open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    let there = true;
    try {
      await this.#store.info(digest);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
      there = false;
    }
    yield* (there ? this.#store : this.#elsewhere(digest)).open(digest, range);
  }

  #elsewhere(digest: Digest): ContentProvider {
    return this.#places.get(digest) ?? this.#rest;
  }
}
