import { randomName } from "../../random.ts";
import type { R2UploadedPartLike } from "./bucket.ts";
import { NO_SUCH_UPLOAD, type R2Calls, r2Code } from "./calls.ts";
import { type R2Data, type Segment, sizeOf } from "./segments.ts";

/** A segment that is being written in parts. */
export interface OpenUpload {
  /** Of the object-to-be, `data/ID`. */
  readonly id: string;
  readonly uploadId: string;
  /** Etags of the parts, all of which have the writer's part size. */
  readonly parts: readonly string[];
  readonly partSize: number;
}

/** What an ingest's bytes lie in. */
export interface WrittenData {
  readonly segments: readonly Segment[];
  readonly upload?: OpenUpload | undefined;
  /** What follows, not in R2 yet. */
  readonly tail: Uint8Array;
}

/** Parts of one upload at most: what is known of them is written down again with each further part. R2 allows 10,000. */
const MOST_PARTS = 512;

const FIRST_BUFFER = 256 * 1024;

/**
 * Bytes on their way into segments: one part is held in memory, full ones are uploaded. That something is uploaded shows
 * nowhere until the record of the ingest or of a blob names it.
 */
export class SegmentWriter {
  readonly #calls: R2Calls;
  readonly #data: R2Data;
  readonly #partSize: number;
  #segments: readonly Segment[];
  #upload: OpenUpload | undefined;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array();
  #filled = 0;

  constructor(calls: R2Calls, data: R2Data, partSize: number, written: WrittenData) {
    this.#calls = calls;
    this.#data = data;
    this.#partSize = partSize;
    this.#segments = written.segments;
    this.#upload = written.upload;
    this.#fill(written.tail);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get upload(): OpenUpload | undefined {
    return this.#upload;
  }

  /** What is only in memory. */
  get tail(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Bytes that are in R2. */
  get stored(): number {
    return sizeOf(this.#segments) + uploadedSize(this.#upload);
  }

  get size(): number {
    return this.stored + this.#filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      const count = Math.min(rest.byteLength, this.#partSize - this.#filled);
      this.#fill(rest.subarray(0, count));
      rest = rest.subarray(count);
      if (this.#filled === this.#partSize) await this.#uploadBuffer();
    }
  }

  /**
   * Makes readable segments of all there is. Can be called again if it fails.
   * @param sha256 in hex, of all there is: R2 checks it where it all goes into one object
   */
  async seal(sha256?: string): Promise<void> {
    if (this.#upload !== undefined) await this.#completeUpload(this.#upload);
    if (this.#filled === 0) return;
    const id = randomName();
    const key = this.#data.keyOf(id);
    const bytes = this.tail;
    const check = sha256 === undefined || this.#segments.length > 0 ? {} : { sha256 };
    await this.#calls.run(`write ${key}`, async (failures) => {
      if (failures > 0) this.#letGoOfBuffer();
      const object = await this.#calls.bucket.put(key, bytes, check);
      if (object?.size !== bytes.byteLength) throw new Error("R2 did not take the object whole");
    });
    this.#segments = [...this.#segments, { id, size: bytes.byteLength }];
    this.#filled = 0;
  }

  /** Cuts back to the first `size` bytes. @returns segments that are not needed any more, once the ingest's record says so, too */
  async truncate(size: number): Promise<readonly Segment[]> {
    if (size >= this.stored) {
      this.#filled = size - this.stored;
      return [];
    }
    if (size === 0) await this.abortUpload();
    else if (this.#upload !== undefined) await this.#completeUpload(this.#upload);
    this.#filled = 0;
    const kept: Segment[] = [];
    const dropped: Segment[] = [];
    let rest = size;
    for (const segment of this.#segments) {
      if (rest === 0) dropped.push(segment);
      else kept.push({ id: segment.id, size: Math.min(segment.size, rest) });
      rest -= Math.min(segment.size, rest);
    }
    this.#segments = kept;
    return dropped;
  }

  /** Throws the parts of an upload away. */
  async abortUpload(): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined) return;
    await abortUpload(this.#calls, this.#data, upload);
    this.#upload = undefined;
  }

  #fill(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.byteLength;
    if (needed > this.#buffer.byteLength) {
      // Small blobs get along with little; whatever is larger gets its whole part at once, so that growing leaves little behind.
      const grown = new Uint8Array(needed <= FIRST_BUFFER ? FIRST_BUFFER : this.#partSize);
      grown.set(this.tail);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled = needed;
  }

  /** A call that was given up may still read the buffer: later bytes go into another. */
  #letGoOfBuffer(): void {
    this.#buffer = this.#buffer.slice();
  }

  async #uploadBuffer(): Promise<void> {
    this.#upload ??= await this.#beginUpload();
    const upload = this.#upload;
    const { etag } = await this.#uploadPart(upload, upload.parts.length + 1);
    this.#upload = { ...upload, parts: [...upload.parts, etag] };
    this.#filled = 0;
    if (this.#upload.parts.length >= MOST_PARTS) await this.#completeUpload(this.#upload);
  }

  async #beginUpload(): Promise<OpenUpload> {
    const id = randomName();
    const key = this.#data.keyOf(id);
    // One that was begun without our learning of it is dropped by R2 after a week.
    const { uploadId } = await this.#calls.run(`begin ${key}`, () => this.#calls.bucket.createMultipartUpload(key));
    return { id, uploadId, parts: [], partSize: this.#partSize };
  }

  async #uploadPart({ id, uploadId }: OpenUpload, number: number): Promise<R2UploadedPartLike> {
    const key = this.#data.keyOf(id);
    const bytes = this.tail;
    return await this.#calls.run(`write part ${number} of ${key}`, async (failures) => {
      if (failures > 0) this.#letGoOfBuffer();
      const part = await this.#calls.bucket.resumeMultipartUpload(key, uploadId).uploadPart(number, bytes);
      if (part.partNumber !== number) throw new Error(`R2 took it for part ${part.partNumber}`);
      return part;
    });
  }

  /** Makes a segment of an upload and of what is in the buffer. */
  async #completeUpload(upload: OpenUpload): Promise<void> {
    const size = uploadedSize(upload) + this.#filled;
    const parts = upload.parts.map((etag, i) => ({ partNumber: i + 1, etag }));
    await completedAs(this.#calls, this.#data, upload, size, async (complete) => {
      if (this.#filled > 0) parts.push(await this.#uploadPart(upload, parts.length + 1));
      await complete(parts);
    });
    this.#segments = [...this.#segments, { id: upload.id, size }];
    this.#upload = undefined;
    this.#filled = 0;
  }
}

/**
 * Makes a segment of an upload that an earlier writer left.
 * @returns undefined if nothing is left of it: R2 drops uploads that are not completed within a week
 */
export async function salvageUpload(calls: R2Calls, data: R2Data, upload: OpenUpload): Promise<Segment | undefined> {
  const size = uploadedSize(upload);
  try {
    const parts = upload.parts.map((etag, i) => ({ partNumber: i + 1, etag }));
    await completedAs(calls, data, upload, size, (complete) => complete(parts));
  } catch (error) {
    if (!isGone(error)) throw error;
    return undefined;
  }
  return { id: upload.id, size };
}

/** Throws the parts of an upload away, and the object if it was completed. */
export async function abortUpload(calls: R2Calls, data: R2Data, { id, uploadId }: OpenUpload): Promise<void> {
  const key = data.keyOf(id);
  try {
    await calls.run(`abort ${key}`, () => calls.bucket.resumeMultipartUpload(key, uploadId).abort());
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  await calls.run(`delete ${key}`, () => calls.bucket.delete(key));
}

export function uploadedSize(upload: OpenUpload | undefined): number {
  return upload === undefined ? 0 : upload.parts.length * upload.partSize;
}

/** Completes an upload. That it is completed already, because an answer got lost, shows by the object's being there. */
async function completedAs(
  calls: R2Calls,
  data: R2Data,
  upload: OpenUpload,
  size: number,
  work: (complete: (parts: R2UploadedPartLike[]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const key = data.keyOf(upload.id);
  try {
    await work(async (parts) => {
      await calls.run(`complete ${key}`, async () => {
        const object = await calls.bucket.resumeMultipartUpload(key, upload.uploadId).complete(parts);
        if (object.size !== size) throw new Error(`R2 made ${object.size} instead of ${size} bytes of it`);
      });
    });
  } catch (error) {
    if (isGone(error) && (await data.has([{ id: upload.id, size }]))) return;
    throw error;
  }
}

const isGone = (error: unknown): boolean => r2Code(error instanceof Error ? error.cause : undefined) === NO_SUCH_UPLOAD;
