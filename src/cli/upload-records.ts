import { type DirectoryStore, openDirectoryStore } from "../node/index.ts";
import { createMemoryMetadataStore, type MetadataStore } from "../snapshots/index.ts";
import { removeIfUnused } from "./build-store.ts";
import { exists, makeParents } from "./host-paths.ts";

/**
 * Where unfinished uploads are remembered, so that the next run of a command goes on with them: in the metadata of the store. The store
 * is opened when there is something to remember, and one that was made for that alone vanishes with the last record. A store that
 * cannot be written (a read-only home) is no reason not to push: the records are then kept for this run. Of two runs that push the same blob
 * one has the record (`compareAndSet`); a build that uses the store meanwhile keeps it from vanishing, or makes it anew.
 */
export class UploadRecords implements MetadataStore {
  readonly #directory: string;
  readonly #warn: (message: string) => void;
  readonly #pending = new Set<string>();
  #opened: Promise<MetadataStore> | undefined;
  #store: DirectoryStore | undefined;
  #isOurs = false;
  #removeParents: () => Promise<void> = async () => undefined;

  constructor(directory: string, warn: (message: string) => void) {
    this.#directory = directory;
    this.#warn = warn;
  }

  /** Whether this run has begun uploads that it did not end, and that the next one finds. */
  get pending(): boolean {
    return this.#store !== undefined && this.#pending.size > 0;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await (await this.#forReading())?.get(key);
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return (await (await this.#forReading())?.keys(prefix)) ?? [];
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    await (await this.#open()).set(key, value);
    this.#pending.add(key);
  }

  async delete(key: string): Promise<void> {
    await (await this.#forReading())?.delete(key);
    this.#pending.delete(key);
  }

  async compareAndSet(key: string, expected: Uint8Array | undefined, value: Uint8Array | undefined): Promise<boolean> {
    const done = await (await this.#open()).compareAndSet(key, expected, value);
    if (!done || value === undefined) this.#pending.delete(key);
    else this.#pending.add(key);
    return done;
  }

  /** Never fails. */
  async close(): Promise<void> {
    await this.#opened;
    await this.#store?.close().catch(() => undefined);
    if (!this.#isOurs) return;
    await removeIfUnused(this.#directory, "nothing");
    await this.#removeParents();
  }

  /** Nothing was remembered in a store that is not there. */
  async #forReading(): Promise<MetadataStore | undefined> {
    return this.#opened === undefined && !(await exists(this.#directory)) ? undefined : await this.#open();
  }

  #open(): Promise<MetadataStore> {
    this.#opened ??= this.#openStore().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn(
        `what is uploaded is not remembered, should it be interrupted: ${reason.replace(/^Cannot /, "cannot ")}`,
      );
      return createMemoryMetadataStore();
    });
    return this.#opened;
  }

  async #openStore(): Promise<MetadataStore> {
    const before = await exists(this.#directory);
    this.#removeParents = await makeParents(this.#directory);
    const store = await openDirectoryStore(this.#directory);
    this.#isOurs = !before;
    this.#store = store;
    return store.metadata;
  }
}
