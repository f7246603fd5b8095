import { bytesEqual } from "../../bytes.ts";
import { SlipwayError } from "../../errors.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import type { R2Records } from "./records.ts";

/** R2 takes keys of 1024 bytes; this leaves room for prefixes. */
const KEY_LIMIT = 900;

/** Small records, each an object of the key that it has here, too. */
export class R2Metadata implements MetadataStore {
  readonly #records: R2Records;

  constructor(records: R2Records) {
    this.#records = records;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#records.read(key))?.bytes;
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    checkKey(key);
    const bytes = value.slice();
    for (;;) {
      const current = await this.#records.read(key);
      if (current !== undefined && bytesEqual(current.bytes, bytes)) return;
      const etag =
        current === undefined
          ? await this.#records.create(key, bytes)
          : await this.#records.replace(key, current.etag, bytes);
      if (etag !== undefined) return;
    }
  }

  async delete(key: string): Promise<void> {
    for (;;) {
      const current = await this.#records.read(key);
      if (current === undefined || (await this.#records.remove(key, current.etag))) return;
    }
  }

  async compareAndSet(key: string, expected: Uint8Array | undefined, value: Uint8Array | undefined): Promise<boolean> {
    checkKey(key);
    const bytes = value?.slice();
    if (expected === undefined && bytes !== undefined) return (await this.#records.create(key, bytes)) !== undefined;
    const current = await this.#records.read(key);
    if (expected === undefined || current === undefined) return current === expected;
    if (!bytesEqual(current.bytes, expected)) return false;
    if (bytes === undefined) return await this.#records.remove(key, current.etag);
    return (await this.#records.replace(key, current.etag, bytes)) !== undefined;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#records.list(prefix)) keys.push(key);
    // Keys are ASCII, of which the default order is the bytewise one.
    return keys.sort();
  }
}

function checkKey(key: string): void {
  if (key !== "" && key.length <= KEY_LIMIT) return;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot write a record of the key ${JSON.stringify(key.slice(0, 100))}: R2 takes keys of 1 to ${KEY_LIMIT} characters`,
  );
}
