import type { ByteRange } from "../../bytes.ts";
import { checkWriterOptions, createIngestWriter, resumeExpectations } from "../../content/ingest.ts";
import type { ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import type { HasherFactory, StreamHasherFactory } from "../../hash/hasher.ts";
import type { Digest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import type { R2Blobs } from "./blobs.ts";
import type { R2Calls } from "./calls.ts";
import { HeldIngest } from "./held-ingest.ts";
import type { IngestRecord } from "./ingest-record.ts";
import { inUse, type R2Ingests, statusOf } from "./ingests.ts";
import { SegmentWriter, salvageUpload } from "./segment-writer.ts";
import type { R2Data } from "./segments.ts";

/** What an {@link R2ContentStore} works with. */
export interface R2ContentOptions {
  readonly calls: R2Calls;
  readonly data: R2Data;
  readonly blobs: R2Blobs;
  readonly ingests: R2Ingests;
  readonly hasher: HasherFactory;
  readonly verifier: StreamHasherFactory | undefined;
  /** Bytes. */
  readonly partSize: number;
  /** Milliseconds for which a writer that shows no sign of life holds its ref. */
  readonly hold: number;
}

/** An ingest of a writer's own. */
interface ClaimedIngest {
  readonly record: IngestRecord;
  /** Undefined as long as the bucket knows nothing of it. */
  readonly etag: string | undefined;
  readonly resumable: boolean;
}

/** Blobs in a bucket. */
export class R2ContentStore implements ContentStore {
  readonly hasher: HasherFactory;
  readonly verifier: StreamHasherFactory | undefined;
  readonly #options: R2ContentOptions;
  /** Writers of this object; undefined while one is being opened. */
  readonly #held = new Map<string, HeldIngest | undefined>();

  constructor(options: R2ContentOptions) {
    this.hasher = options.hasher;
    this.verifier = options.verifier;
    this.#options = options;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return (await this.#options.blobs.get(digest)).info;
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    for await (const { info } of this.#options.blobs.list()) yield info;
  }

  label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    return this.#options.blobs.label(digest, labels);
  }

  delete(digest: Digest): Promise<void> {
    return this.#options.blobs.delete(digest);
  }

  open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#options.blobs.open(digest, range);
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    checkWriterOptions(options);
    const { ref, digest, signal } = options;
    signal?.throwIfAborted();
    if (this.#held.has(ref)) throw inUse(ref);
    this.#held.set(ref, undefined);
    let ingest: HeldIngest;
    let state: Uint8Array | undefined;
    try {
      if (digest !== undefined && (await this.#options.blobs.has(digest))) {
        throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: the bucket has it already`);
      }
      ({ ingest, state } = await this.#hold(await this.#claim(options)));
    } catch (error) {
      this.#held.delete(ref);
      throw error;
    }
    this.#held.set(ref, ingest);
    const { total, expected } = ingest.record;
    return await createIngestWriter({
      ref,
      storage: ingest,
      hasher: this.hasher,
      offset: ingest.size,
      state,
      size: total,
      digest: expected,
      signal,
    });
  }

  async status(ref: string): Promise<IngestStatus> {
    const held = this.#held.get(ref);
    if (held !== undefined) return statusOf(held.record, held.size);
    const found = await this.#options.ingests.open(ref);
    if (found === undefined) throw noIngest(ref);
    return statusOf(found.record);
  }

  async *statuses(): AsyncGenerator<IngestStatus, void, undefined> {
    const told = new Set<string>();
    for (const held of [...this.#held.values()]) {
      if (held === undefined) continue;
      told.add(held.record.ref);
      yield statusOf(held.record, held.size);
    }
    for await (const record of this.#options.ingests.list()) if (!told.has(record.ref)) yield statusOf(record);
  }

  async abort(ref: string): Promise<void> {
    if (this.#held.has(ref)) throw inUse(ref);
    const found = await this.#options.ingests.open(ref);
    if (found === undefined) throw noIngest(ref);
    this.#mustBeFree(found.record);
    await this.#options.ingests.abort(found);
  }

  /** Refs that nobody has written to since that time (milliseconds since the epoch), nor holds. */
  async *untouchedSince(time: number): AsyncGenerator<string, void, undefined> {
    for await (const record of this.#options.ingests.list()) {
      const isHeld = this.#held.has(record.ref) || this.#isHeldElsewhere(record);
      if (!isHeld && record.touched < time) yield record.ref;
    }
  }

  #isHeldElsewhere({ owner, until }: IngestRecord): boolean {
    return owner !== "" && until > this.#options.calls.now();
  }

  #mustBeFree(record: IngestRecord): void {
    if (this.#isHeldElsewhere(record)) throw inUse(record.ref);
  }

  /**
   * Makes the ref this writer's own. Nothing needs to be written down for one that nobody else knows, nor, before there is something to go on
   * with, for one of a known digest: two writers of it would write the same bytes.
   */
  async #claim(options: WriterOptions): Promise<ClaimedIngest> {
    const { calls, ingests, hold } = this.#options;
    const { ref, resumable = true } = options;
    const found = resumable ? await ingests.open(ref) : undefined;
    if (found !== undefined) this.#mustBeFree(found.record);
    const { size, digest } = resumeExpectations(found?.record ?? {}, options);
    const record: IngestRecord = {
      segments: [],
      tail: new Uint8Array(),
      ...found?.record,
      ref,
      phase: "open",
      total: size,
      expected: digest,
      owner: randomName(),
      until: calls.now() + hold,
      touched: calls.now(),
    };
    if (found !== undefined) return { record, etag: await ingests.replace(found.etag, record), resumable };
    const isShared = resumable && digest === undefined;
    return { record, etag: isShared ? await ingests.create(record) : undefined, resumable };
  }

  /** Makes what an earlier writer left readable. */
  async #hold(claimed: ClaimedIngest): Promise<{ ingest: HeldIngest; state: Uint8Array | undefined }> {
    const { calls, data, ingests, partSize } = this.#options;
    const { record, etag, resumable } = claimed;
    const { ref, upload } = record;
    let { segments, tail, state } = record;
    try {
      if (upload !== undefined) {
        const segment = await salvageUpload(calls, data, upload);
        if (segment === undefined) {
          tail = new Uint8Array();
          state = undefined;
        } else {
          segments = [...segments, segment];
        }
      }
      const writer = new SegmentWriter(calls, data, partSize, { segments, tail });
      const onRelease = (): void => {
        this.#held.delete(ref);
      };
      return { ingest: new HeldIngest({ ...this.#options, record, etag, resumable, writer, onRelease }), state };
    } catch (error) {
      if (etag !== undefined) await ingests.replace(etag, { ...record, owner: "", until: 0 }).catch(() => undefined);
      throw error;
    }
  }
}

const noIngest = (ref: string): SlipwayError =>
  new SlipwayError("NOT_FOUND", `Cannot find ingest ${ref}: there is none of that name`);
