import type { IngestStorage } from "../../content/ingest.ts";
import type { ContentInfo } from "../../content/store.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import type { R2Blobs } from "./blobs.ts";
import type { R2Calls } from "./calls.ts";
import type { IngestRecord } from "./ingest-record.ts";
import { inUse, PUBLISHING, type R2Ingests } from "./ingests.ts";
import type { SegmentWriter } from "./segment-writer.ts";
import type { R2Data, Segment } from "./segments.ts";

/** What a {@link HeldIngest} works with. */
export interface HeldIngestOptions {
  readonly calls: R2Calls;
  readonly data: R2Data;
  readonly blobs: R2Blobs;
  readonly ingests: R2Ingests;
  /** Milliseconds for which a writer that shows no sign of life holds its ref. */
  readonly hold: number;
  readonly record: IngestRecord;
  /** Undefined as long as the bucket knows nothing of it. */
  readonly etag: string | undefined;
  /** Whether somebody may go on with it. */
  readonly resumable: boolean;
  readonly writer: SegmentWriter;
  /** Called when the ref is free. */
  readonly onRelease: () => void;
}

/** Bytes up to this many stand in a record itself. */
const INLINE = 32 * 1024;

/** What is kept of a tail between two parts, so that a killed Worker's ingest can go on with a saved hash. */
const TAIL = 512 * 1024;

/** Milliseconds between two checkpoints: R2 takes one write a second to a key. */
const CHECKPOINT = 1500;

/**
 * An ingest with its writer. Its record is written when there is something to go on with, and somebody may; every change of it proves that
 * nobody has taken it over.
 */
export class HeldIngest implements IngestStorage {
  readonly #options: HeldIngestOptions;
  readonly #writer: SegmentWriter;
  #record: IngestRecord;
  #etag: string | undefined;
  #resumable: boolean;
  /** Whether a blob may have been made of its data. */
  #mayBeBlob = false;
  #state: "open" | "broken" | "ended" = "open";

  constructor(options: HeldIngestOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#record = options.record;
    this.#etag = options.etag;
    this.#resumable = options.resumable;
  }

  get record(): IngestRecord {
    return this.#record;
  }

  get size(): number {
    return this.#writer.size;
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#unlessBroken(() => this.#writer.append(bytes));
  }

  /** After each part, and now and then while there is none: whoever is slow is not dead. */
  checkpoint(_offset: number, state: () => Uint8Array | undefined): Promise<void> {
    return this.#unlessBroken(async () => {
      const { segments, upload, touched } = this.#record;
      const age = this.#options.calls.now() - touched;
      const isAhead = this.#writer.segments !== segments || this.#writer.upload !== upload;
      const isRecorded = this.#etag !== undefined;
      const isDue = isRecorded && age > this.#options.hold / 3;
      if (isDue || (isAhead && (!isRecorded || age >= CHECKPOINT))) await this.#save({}, state);
    });
  }

  truncate(size: number): Promise<void> {
    return this.#unlessBroken(async () => {
      const dropped = await this.#writer.truncate(size);
      if (this.#etag !== undefined) await this.#save({});
      await this.#options.data.delete(dropped);
    });
  }

  async *read(size: number): AsyncGenerator<Uint8Array, void, undefined> {
    await this.#writer.seal();
    yield* this.#options.data.read(this.#writer.segments, 0, size);
  }

  async publish(info: ContentInfo): Promise<void> {
    const { calls, blobs, data, ingests } = this.#options;
    const contents = await this.#contents(info).catch(async (error: unknown) => {
      throw await this.#explained(error);
    });
    const { ref, segments, upload } = this.#record;
    // Who takes the ref over must not throw away data that are a blob's.
    const isNamed = this.#etag !== undefined && (segments.length > 0 || upload !== undefined);
    if (isNamed) await this.#save({ phase: "publishing", digest: info.digest, until: calls.now() + PUBLISHING });
    this.#mayBeBlob = true;
    const created = await blobs.create({ info, ...contents });
    this.#state = "ended";
    // What is left is seen to by whoever next opens the ref, or by `tidy`.
    const etag = this.#etag;
    if (!created) await data.delete(contents.segments).catch(() => undefined);
    if (etag !== undefined && !(created && isNamed)) await ingests.remove(ref, etag).catch(() => undefined);
    if (created) return;
    throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${info.digest}: the bucket has it already`);
  }

  async release(state?: Uint8Array): Promise<void> {
    try {
      if (this.#state === "ended") return;
      // The record of one that was being published goes on to say that its data may be a blob's.
      if (this.#record.phase !== "open") return;
      if (this.#state === "broken" || this.#mayBeBlob) {
        // What was written since the record was is lost. The first error is the one that tells why.
        if (this.#etag !== undefined) await this.#free(this.#record).catch(() => undefined);
        else if (!this.#mayBeBlob) await this.#throwAway();
        return;
      }
      if (this.#etag === undefined && (!this.#resumable || this.size === 0)) {
        await this.#throwAway();
        return;
      }
      if (this.#writer.upload !== undefined || this.#writer.tail.byteLength > TAIL) await this.#writer.seal();
      await this.#save({ owner: "", until: 0 }, () => state);
    } finally {
      this.#state = "ended";
      this.#options.onRelease();
    }
  }

  /** Of an ingest that the bucket knows nothing of; what cannot be deleted is left to `tidy`. */
  async #throwAway(): Promise<void> {
    await this.#writer.abortUpload().catch(() => undefined);
    await this.#options.data.delete(this.#writer.segments).catch(() => undefined);
  }

  /** Small blobs stand in their record; one that fits into a single object is checked by R2. */
  async #contents(info: ContentInfo): Promise<{ segments: readonly Segment[]; inline?: Uint8Array }> {
    const writer = this.#writer;
    if (writer.stored === 0 && writer.size <= INLINE) return { segments: [], inline: writer.tail.slice() };
    const [algorithm, hex] = info.digest.split(":");
    await writer.seal(algorithm === "sha256" ? hex : undefined);
    return { segments: writer.segments };
  }

  /** Writes down how far the ingest is; the bytes that are only in memory, too, if they are few. */
  async #save(changes: Partial<IngestRecord>, state: () => Uint8Array | undefined = () => undefined): Promise<void> {
    const { segments, upload, tail } = this.#writer;
    const isWhole = tail.byteLength <= TAIL;
    await this.#write({
      ...this.#record,
      until: this.#options.calls.now() + this.#options.hold,
      ...changes,
      segments,
      upload,
      tail: isWhole ? tail.slice() : new Uint8Array(),
      state: isWhole ? state() : undefined,
    });
  }

  #free(record: IngestRecord): Promise<void> {
    return this.#write({ ...record, owner: "", until: 0 });
  }

  async #write(record: IngestRecord): Promise<void> {
    const { calls, ingests } = this.#options;
    const next = { ...record, touched: calls.now() };
    if (this.#etag !== undefined) this.#etag = await ingests.replace(this.#etag, next);
    else if (this.#resumable) this.#etag = await this.#created(next);
    this.#record = next;
  }

  /** Where another writer of the same blob has been first, the ref is its: this one goes on, and nobody goes on with it. */
  async #created(record: IngestRecord): Promise<string | undefined> {
    try {
      return await this.#options.ingests.create(record);
    } catch (error) {
      if (!isSlipwayError(error, "UNAVAILABLE")) throw error;
      this.#resumable = false;
      return undefined;
    }
  }

  async #unlessBroken<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#state = "broken";
      throw await this.#explained(error);
    }
  }

  /** Who has taken an ingest over completes its upload: what R2 then says of a further part is not the reason. */
  async #explained(error: unknown): Promise<unknown> {
    if (this.#etag === undefined || !isSlipwayError(error, "IO")) return error;
    const { ref } = this.#record;
    return await this.#options.ingests.find(ref).then(
      (found) => (found?.etag === this.#etag ? error : inUse(ref, error)),
      () => error,
    );
  }
}
