import { join } from "node:path";
import { bytesEqual } from "../../bytes.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { syncDirectory } from "../write-file.ts";
import { fileNameOf, keyOf } from "./file-names.ts";
import { entriesOf, readIfThere, removeIfEmpty, removeIfThere, replaceFile } from "./files.ts";
import { statOf } from "./layout.ts";
import type { Locks } from "./locks.ts";

/** Where records lie. */
export interface FileRecordsOptions {
  readonly directory: string;
  /** A directory for temporary files on the same filesystem. */
  readonly temporary: string;
  readonly locks: Locks;
  /** Name of the lock, and of the temporary file. */
  readonly name: string;
  /** Whether a record that was set survives a power failure. */
  readonly durable: boolean;
}

/** Records as files, one each: replaced as a whole, under a lock. */
export class FileRecords implements MetadataStore {
  readonly #options: FileRecordsOptions;

  constructor(options: FileRecordsOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await readIfThere(this.#path(key));
  }

  set(key: string, value: Uint8Array): Promise<void> {
    return this.#exclusive(() => this.#write(key, value));
  }

  delete(key: string): Promise<void> {
    return this.#exclusive(() => this.#remove(key));
  }

  compareAndSet(key: string, expected: Uint8Array | undefined, value: Uint8Array | undefined): Promise<boolean> {
    return this.#exclusive(async () => {
      const actual = await this.get(key);
      const same = actual === undefined || expected === undefined ? actual === expected : bytesEqual(actual, expected);
      if (!same) return false;
      if (value === undefined) await this.#remove(key);
      else await this.#write(key, value);
      return true;
    });
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    const visit = (directory: string, pieces: readonly string[]): void => {
      for (const entry of entriesOf(directory)) {
        const inside = [...pieces, entry.name];
        if (entry.isDirectory()) {
          if (entry.name.endsWith("+")) visit(join(directory, entry.name), inside);
          continue;
        }
        const key = keyOf(inside);
        if (key?.startsWith(prefix)) keys.push(key);
      }
    };
    visit(this.#options.directory, []);
    return keys.sort();
  }

  /**
   * Removes records that nobody has written since that time (milliseconds since the epoch). Nobody writes one between the look at its age
   * and the removal: both are under the lock.
   * @returns their keys
   */
  async removeUntouched(
    prefix: string,
    time: number,
    { dryRun }: { readonly dryRun: boolean },
  ): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const key of await this.keys(prefix)) {
      await this.#exclusive(async () => {
        const stats = statOf(this.#path(key));
        if (stats === undefined || stats.mtimeMs >= time) return;
        if (!dryRun) await this.#remove(key);
        removed.push(key);
      });
    }
    return removed;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#options.locks.exclusive(this.#options.name, work);
  }

  #path(key: string): string {
    return join(this.#options.directory, ...fileNameOf(key));
  }

  async #write(key: string, value: Uint8Array): Promise<void> {
    const { directory, temporary, name, durable } = this.#options;
    const pieces = fileNameOf(key);
    await replaceFile(
      { directory: join(directory, ...pieces.slice(0, -1)), name: pieces.at(-1) ?? "" },
      { directory: temporary, name },
      value,
      durable,
    );
  }

  async #remove(key: string): Promise<void> {
    const { directory, durable } = this.#options;
    if (!(await removeIfThere(this.#path(key)))) return;
    const above = fileNameOf(key).slice(0, -1);
    if (durable) await syncDirectory(join(directory, ...above));
    for (; above.length > 0; above.pop()) await removeIfEmpty(join(directory, ...above));
  }
}
