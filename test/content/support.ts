import type { ByteRange } from "../../src/bytes.ts";
import type { ContentStore } from "../../src/content/index.ts";
import { createMemoryContentStore } from "../../src/content/index.ts";
import type { Digest } from "../../src/oci/digest.ts";

/** A store that hands out other bytes than it has for some digests, as a damaged disk would. */
export function corruptStore(inner: ContentStore = createMemoryContentStore()): {
  readonly store: ContentStore;
  corrupt(digest: Digest, bytes: Uint8Array): void;
} {
  const corrupted = new Map<Digest, Uint8Array>();
  const store: ContentStore = {
    info: (digest) => inner.info(digest),
    list: () => inner.list(),
    label: (digest, labels) => inner.label(digest, labels),
    delete: (digest) => inner.delete(digest),
    async *open(digest: Digest, range?: ByteRange) {
      const bytes = corrupted.get(digest);
      if (bytes === undefined) yield* inner.open(digest, range);
      else for (let at = 0; at < bytes.byteLength; at += 10) yield bytes.slice(at, at + 10);
    },
    writer: (options) => inner.writer(options),
    status: (ref) => inner.status(ref),
    statuses: () => inner.statuses(),
    abort: (ref) => inner.abort(ref),
  };
  return { store, corrupt: (digest, bytes) => corrupted.set(digest, bytes) };
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Reads until the end or the error, and says which chunks came before. */
export async function readUntilError(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: number; readonly error: unknown }> {
  let bytes = 0;
  try {
    for await (const chunk of chunks) bytes += chunk.byteLength;
  } catch (error) {
    return { bytes, error };
  }
  return { bytes, error: undefined };
}
