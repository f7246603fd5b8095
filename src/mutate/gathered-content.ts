import type { ByteRange } from "../bytes.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import type { HasherFactory, StreamHasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";

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

  async info(digest: Digest, options?: OperationOptions): Promise<ContentInfo> {
    return (await this.#stored(digest)) ?? (await this.#elsewhere(digest).info(digest, options));
  }

  async *open(
    digest: Digest,
    range?: ByteRange,
    options?: OperationOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const isStored = (await this.#stored(digest)) !== undefined;
    yield* (isStored ? this.#store : this.#elsewhere(digest)).open(digest, range, options);
  }

  async #stored(digest: Digest): Promise<ContentInfo | undefined> {
    try {
      return await this.#store.info(digest);
    } catch (error) {
      if (isSlipwayError(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }

  #elsewhere(digest: Digest): ContentProvider {
    return this.#places.get(digest) ?? this.#rest;
  }
}
