import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";

/** Up to so many bytes are read for nothing rather than opened behind: a store may keep and fetch blobs in parts of some MiB. */
const SKIP_LIMIT = 1024 * 1024;

interface OpenBlob {
  readonly digest: Digest;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Where in the blob the next byte is. */
  at: number;
  /** What of the last chunk is not taken yet. */
  rest: Uint8Array;
}

/**
 * Reads ranges of blobs, one after the other in the order they are asked for. A range that begins where the last one ended, or
 * little behind, is read on from there: blocks of a layer mostly follow each other, and opening costs a store more than reading.
 */
export class RangeReader {
  readonly #content: ContentProvider;
  #blob: OpenBlob | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(content: ContentProvider) {
    this.#content = content;
  }

  /** Bytes of a blob, not verified. @throws SlipwayError what `ContentProvider.open` throws */
  read(digest: Digest, offset: number, size: number): Promise<Uint8Array> {
    return this.#inOrder(async () => {
      try {
        return await this.#read(digest, offset, size);
      } catch (error) {
        await this.#close();
        throw error;
      }
    });
  }

  /** Ends what is open, after what was asked for before. */
  close(): Promise<void> {
    return this.#inOrder(() => this.#close());
  }

  async #read(digest: Digest, offset: number, size: number): Promise<Uint8Array> {
    let blob = this.#blob;
    if (blob === undefined || blob.digest !== digest || offset < blob.at || offset - blob.at > SKIP_LIMIT) {
      await this.#close();
      const chunks = this.#content.open(digest, { offset, reuse: true })[Symbol.asyncIterator]();
      blob = { digest, chunks, at: offset, rest: new Uint8Array(0) };
      this.#blob = blob;
    }
    while (blob.at < offset) skip(blob, Math.min(offset - blob.at, (await more(blob)).byteLength));
    const bytes = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      const chunk = (await more(blob)).subarray(0, size - filled);
      bytes.set(chunk, filled);
      filled += chunk.byteLength;
      skip(blob, chunk.byteLength);
    }
    return bytes;
  }

  async #close(): Promise<void> {
    const chunks = this.#blob?.chunks;
    this.#blob = undefined;
    // Nothing is lost with what a store says when it is told that nobody reads on.
    await chunks?.return?.().catch(() => undefined);
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** What follows, at least one byte. */
async function more(blob: OpenBlob): Promise<Uint8Array> {
  while (blob.rest.byteLength === 0) {
    const { done, value } = await blob.chunks.next();
    if (done) {
      throw new SlipwayError("OUT_OF_RANGE", `Cannot read blob ${blob.digest}: it ends at byte ${blob.at}`);
    }
    blob.rest = value;
  }
  return blob.rest;
}

function skip(blob: OpenBlob, count: number): void {
  blob.rest = blob.rest.subarray(count);
  blob.at += count;
}
