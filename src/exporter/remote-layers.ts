import { withReferences } from "../content/index.ts";
import type { ReferencingContentStore } from "../content/references.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Descriptor } from "../oci/descriptor.ts";

/** Base layers that stay at their registry, and are read from there by whoever needs them. */
export class RemoteLayers {
  readonly #store: ContentStore;
  readonly #hasher: HasherFactory | undefined;
  #references: ReferencingContentStore | undefined;

  /** @param store has everything else */
  constructor(store: ContentStore, hasher: HasherFactory | undefined) {
    this.#store = store;
    this.#hasher = hasher;
  }

  /** Leaves a layer where it is. Nothing is asked for: its size is known, and its labels are found when they are wanted. */
  leave(from: ContentProvider, { digest, size }: Descriptor): void {
    this.#references ??= withReferences(this.#store, { hasher: this.#hasher });
    this.#references.adopt(
      digest,
      { size, open: (range, options) => from.open(digest, range, options) },
      { labels: async (options) => (await from.info(digest, options)).labels },
    );
  }

  /** The store, with the layers that were left laid over it. */
  get content(): ContentStore {
    return this.#references ?? this.#store;
  }
}
