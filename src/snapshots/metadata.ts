/**
 * Small records by key (snapshot trees, snapshots, the ref → blob map, leases): what persists beside the blobs. Keys are
 * printable ASCII paths such as `snapshots/base`; values are at most a few MiB. `metadataStoreConformance` says in tests
 * what each implementation must do.
 */
export interface MetadataStore {
  /** The value under this key; undefined if there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Creates or replaces, atomically and durably. */
  set(key: string, value: Uint8Array): Promise<void>;
  /** Removes; does nothing if there is none. */
  delete(key: string): Promise<void>;
  /**
   * Replaces `expected` (undefined: no record) by `value` (undefined: remove) in one step.
   * @returns false, and nothing done, if the record is another than `expected`
   */
  compareAndSet(key: string, expected: Uint8Array | undefined, value: Uint8Array | undefined): Promise<boolean>;
  /** All keys that begin with `prefix`, in ascending order. */
  keys(prefix: string): Promise<readonly string[]>;
}
