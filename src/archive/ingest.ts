import { type ByteSource, chunksOf } from "../bytes.ts";
import type { ContentStore, ContentWriter } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { randomName } from "../random.ts";

/** A blob that came out of an archive. */
export interface IngestedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Takes blobs into a store and remembers which of them it did not have before, so that they can be taken out again: an archive
 * that turns out to be bad leaves nothing behind.
 */
export class IngestSession {
  readonly #content: ContentStore;
  readonly #signal: AbortSignal | undefined;
  readonly #added = new Set<Digest>();

  constructor(content: ContentStore, signal?: AbortSignal) {
    this.#content = content;
    this.#signal = signal;
  }

  /**
   * Writes one blob under its digest. One that the store has already is hashed all the same, so that an archive is judged
   * alike whatever is there.
   * @param expected digest that it must have
   * @throws SlipwayError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, what source and store throw
   */
  async add(source: ByteSource, size: number, expected?: Digest): Promise<IngestedBlob> {
    // The digest is not announced: a blob that is there is found at the commit, after its bytes were seen.
    const ref = `archive-${randomName()}`;
    const writer = await this.#content.writer({ ref, size, resumable: false, signal: this.#signal });
    try {
      for await (const chunk of chunksOf(source)) await writer.write(chunk);
      const { digest } = await writer.commit({ size, digest: expected });
      this.#added.add(digest);
      return { digest, size };
    } catch (error) {
      if (isSlipwayError(error, "ALREADY_EXISTS")) return { digest: expected ?? writer.digest(), size };
      await this.#abandon(writer);
      throw error;
    } finally {
      await writer.close();
    }
  }

  /** Takes out what was added and is not in `keep`. */
  async drop(keep: ReadonlySet<Digest>): Promise<void> {
    for (const digest of this.#added) {
      if (keep.has(digest)) continue;
      this.#added.delete(digest);
      await this.#content.delete(digest).catch((error: unknown) => {
        if (!isSlipwayError(error, "NOT_FOUND")) throw error;
      });
    }
  }

  /** The first error is the one to report: one of cleaning up must not hide it. */
  async #abandon(writer: ContentWriter): Promise<void> {
    await writer.close().catch(() => undefined);
    await this.#content.abort(writer.ref).catch(() => undefined);
  }
}
