import type { ContentStore, ContentWriter } from "../content/store.ts";

/** What was committed to a store. */
export interface StoreCounts {
  /** Blobs and documents. */
  readonly moved: number;
  /** Their bytes. */
  readonly movedBytes: number;
}

/** The same store, counting what is committed: only that tells, whoever else writes meanwhile, which blobs were moved. */
export function countingStore(store: ContentStore): {
  readonly store: ContentStore;
  readonly counts: () => StoreCounts;
} {
  let moved = 0;
  let movedBytes = 0;
  const counting: ContentStore = {
    remote: store.remote,
    hasher: store.hasher,
    verifier: store.verifier,
    info: (digest, options) => store.info(digest, options),
    open: (digest, range, options) => store.open(digest, range, options),
    readWhole: (digest, limit, options) => store.readWhole?.(digest, limit, options),
    list: () => store.list(),
    label: (digest, labels) => store.label(digest, labels),
    delete: (digest) => store.delete(digest),
    status: (ref) => store.status(ref),
    statuses: () => store.statuses(),
    abort: (ref) => store.abort(ref),
    async writer(options) {
      const writer = await store.writer(options);
      const counted: ContentWriter = {
        ref: writer.ref,
        write: (bytes) => writer.write(bytes),
        status: () => writer.status(),
        digest: () => writer.digest(),
        truncate: (size) => writer.truncate(size),
        close: () => writer.close(),
        async commit(wanted) {
          const info = await writer.commit(wanted);
          moved++;
          movedBytes += info.size;
          return info;
        },
      };
      return counted;
    },
  };
  return { store: counting, counts: () => ({ moved, movedBytes }) };
}
