import { type ByteRange, concatBytes } from "../bytes.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { OperationOptions } from "../progress.ts";
import { contentRangeOf } from "./content-range.ts";
import { withFailure } from "./failure.ts";
import { lengthOf } from "./repository-context.ts";
import type { RegistryResponse, RegistryTransport } from "./transport.ts";

/** A blob where it lies. */
export interface RemoteBlob {
  readonly transport: RegistryTransport;
  readonly url: string;
  readonly scopes: readonly string[];
  /** For messages: `blob docker.io/library/alpine@sha256:…`. */
  readonly name: string;
  /** Bytes, if they are known beforehand. */
  readonly size?: number | undefined;
}

/**
 * The bytes of a blob or of a part of it, as they come, not verified. A connection that is cut is replaced by another one that goes on at
 * the same byte: by a range, or, where the server knows none, by reading again what was read before. What the server says of size and
 * place is compared with what is known, and no more is taken in than that.
 * @throws SlipwayError `OUT_OF_RANGE`, `SIZE_MISMATCH`, `INVALID_RESPONSE`, and what the transport throws; by rejecting `next()`
 */
export async function* readRemoteBlob(
  blob: RemoteBlob,
  range: ByteRange | undefined,
  operation: OperationOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reading = new BlobReading(blob, range, operation);
  let gathered: Uint8Array[] = [];
  let size = 0;
  const taken = (): Uint8Array => {
    const [first = new Uint8Array()] = gathered;
    const bytes = gathered.length === 1 ? first : concatBytes(gathered);
    gathered = [];
    size = 0;
    return bytes;
  };
  try {
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        chunk = await reading.next();
      } catch (error) {
        // What has come is good to go on with another day.
        if (size > 0 && !operation.signal?.aborted) yield taken();
        throw error;
      }
      if (chunk !== undefined) {
        gathered.push(chunk);
        size += chunk.byteLength;
      }
      if (size >= GATHERED || (chunk === undefined && size > 0)) yield taken();
      if (chunk === undefined) return;
    }
  } finally {
    await reading.close();
  }
}

/** Bytes that are given at a time. The network gives some 64 KiB, and each costs whoever writes them to a file a call. */
const GATHERED = 256 * 1024;

/** One answer that is being read. */
interface Part {
  readonly response: RegistryResponse;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Bytes that were read before and come again. */
  skip: number;
  /** Where the answer ends, if it says so. */
  readonly end: number | undefined;
}

/**
 * Bytes that a connection must bring for its failure not to count, at least this share of what it had to bring once more, and how many
 * may bring less in a row.
 */
const LEAST_PROGRESS = 16 * 1024;
const LEAST_SHARE = 1 / 8;
const SETBACKS_LIMIT = 8;

class BlobReading {
  readonly #blob: RemoteBlob;
  readonly #operation: OperationOptions;
  readonly #doing: string;
  readonly #start: number;
  /** The next byte. */
  #position: number;
  /** Where reading stops; unknown until a server says how large the blob is. */
  #end: number | undefined;
  #total: number | undefined;
  #part: Part | undefined;
  /** Where it last failed, and how often it did with next to nothing in between. */
  #failedAt: number;
  #setbacks = 0;
  /** Bytes that the last answer had to bring once more. */
  #repeated = 0;
  readonly #waits = { milliseconds: 0 };
  /** Where an answer last ended too early, although it was whole. */
  #endedAt: number | undefined;
  #contradicted = false;

  constructor(blob: RemoteBlob, { offset = 0, length }: ByteRange = {}, operation: OperationOptions) {
    this.#blob = blob;
    this.#operation = operation;
    this.#doing = `fetch ${blob.name}`;
    this.#start = offset;
    this.#position = offset;
    this.#failedAt = offset;
    this.#end = length === undefined ? undefined : offset + length;
    const valid = [offset, this.#end ?? offset].every((value) => Number.isSafeInteger(value) && value >= offset);
    if (!valid || offset < 0) throw this.#outOfRange();
    if (blob.size !== undefined) this.#learnTotal(blob.size);
  }

  /** @returns undefined at the end */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#end !== undefined && this.#position >= this.#end) {
      await this.#finish();
      return undefined;
    }
    // Each chunk is a success that gives the budget of tries anew, unless they are crumbs.
    const attempt = (): Promise<Uint8Array | undefined> =>
      this.#read().catch((error: unknown) => {
        throw this.#setback(error);
      });
    return await this.#blob.transport.retry(this.#doing, attempt, { ...this.#operation, waits: this.#waits });
  }

  /** A server that gives a few bytes at a time and then stalls or hangs up would never be done, and never be given up. */
  #setback(error: unknown): unknown {
    const crumbs = this.#position - this.#failedAt;
    this.#failedAt = this.#position;
    const least = Math.max(LEAST_PROGRESS, this.#repeated * LEAST_SHARE);
    if (crumbs >= least) this.#setbacks = 0;
    if (crumbs === 0 || crumbs >= least || !isSlipwayError(error, "UNAVAILABLE")) return error;
    this.#setbacks++;
    if (this.#setbacks < SETBACKS_LIMIT) return error;
    const reason = `${SETBACKS_LIMIT} times in a row it failed after a few new bytes`;
    return withFailure(new SlipwayError("UNAVAILABLE", `${error.message}; ${reason}`, { cause: error }), {
      passing: false,
      reason,
    });
  }

  async close(): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    await part?.response.cancel();
  }

  async #read(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#operation.signal?.throwIfAborted();
      this.#part ??= await this.#open();
      if (this.#end !== undefined && this.#position >= this.#end) return undefined;
      const chunk = await this.#nextOf(this.#part);
      if (chunk === undefined) {
        if (this.#end === undefined) this.#learnTotal(this.#position);
        if (this.#position === this.#end) return undefined;
        continue;
      }
      const bytes = this.#unread(this.#part, chunk);
      if (bytes.byteLength === 0) continue;
      this.#position += bytes.byteLength;
      return bytes;
    }
  }

  /** @returns undefined at the end of an answer that is as long as it should be, or that does not say how long it is */
  async #nextOf(part: Part): Promise<Uint8Array | undefined> {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await part.chunks.next();
    } catch (error) {
      await this.close();
      throw error;
    }
    if (!next.done) return next.value;
    await this.close();
    const expected = part.end ?? this.#end;
    if (part.skip === 0 && (expected === undefined || this.#position === expected)) return undefined;
    const so = `it ends after ${this.#position - part.skip} bytes instead of ${expected ?? this.#position}`;
    // Once may be a proxy that lost its connection and did not tell; but what ends there again is that short.
    if (this.#endedAt === this.#position) throw new SlipwayError("SIZE_MISMATCH", `Cannot ${this.#doing}: ${so}`);
    this.#endedAt = this.#position;
    const again = new SlipwayError("UNAVAILABLE", `Cannot ${this.#doing}: ${so}`);
    throw withFailure(again, { passing: true, reason: "its answer ended early" });
  }

  /** What of a chunk was not read before and is wanted. */
  #unread(part: Part, chunk: Uint8Array): Uint8Array {
    const skipped = Math.min(part.skip, chunk.byteLength);
    part.skip -= skipped;
    const bytes = chunk.subarray(skipped);
    const end = part.end ?? this.#total;
    if (end !== undefined && this.#position + bytes.byteLength > end) {
      throw new SlipwayError("SIZE_MISMATCH", `Cannot ${this.#doing}: more bytes come than its ${end}`);
    }
    return this.#end === undefined ? bytes : bytes.subarray(0, this.#end - this.#position);
  }

  async #open(): Promise<Part> {
    const { transport, url, scopes } = this.#blob;
    const isPart = this.#position > 0 || (this.#end !== undefined && this.#end !== this.#total);
    const last = this.#end === undefined ? "" : this.#end - 1;
    const response = await transport.sendOnce(
      {
        method: "GET",
        url,
        // Encoded for the way, a body has another length than the blob.
        headers: { "Accept-Encoding": "identity", ...(isPart && { Range: `bytes=${this.#position}-${last}` }) },
        scopes,
        accept: [200, 206, 416],
        doing: this.#doing,
      },
      this.#operation,
    );
    try {
      const chunks = response.body[Symbol.asyncIterator]();
      this.#repeated = response.status === 200 ? this.#position : 0;
      if (response.status === 416) return { response, chunks, skip: 0, end: this.#notThere(response) };
      if (response.status === 206 && isPart) return { response, chunks, skip: 0, end: this.#partEnd(response) };
      const total = lengthOf(response.headers);
      if (total !== undefined) this.#learnTotal(total);
      return { response, chunks, skip: this.#position, end: total };
    } catch (error) {
      await response.cancel();
      throw this.#contradiction(error);
    }
  }

  /** An answer that contradicts what is known may be a proxy's mishap; the second one is not. */
  #contradiction(error: unknown): unknown {
    const known = isSlipwayError(error, "SIZE_MISMATCH") || isSlipwayError(error, "INVALID_RESPONSE");
    if (!known || this.#contradicted) return error;
    this.#contradicted = true;
    const again = new SlipwayError("UNAVAILABLE", error.message, { cause: error });
    return withFailure(again, { passing: true, reason: "its answer contradicts itself" });
  }

  /** Checks that the part is the one that was asked for. @returns where it ends */
  #partEnd({ headers }: RegistryResponse): number {
    const range = contentRangeOf(headers);
    if (range?.total !== undefined) this.#learnTotal(range.total);
    // Pages see the header only if the registry lets them; the length always.
    const length = headers.has("content-range") ? undefined : lengthOf(headers);
    const part = range?.part ?? (length && { start: this.#position, end: this.#position + length });
    const isIt = part && part.start === this.#position && (this.#end === undefined || part.end <= this.#end);
    if (isIt && (range !== undefined || this.#end === undefined || part.end === this.#end)) {
      if (range === undefined && this.#end === undefined) this.#learnTotal(part.end);
      return part.end;
    }
    throw new SlipwayError(
      "INVALID_RESPONSE",
      `Cannot ${this.#doing}: bytes from ${this.#position} were asked for, and the registry answers with ${JSON.stringify(headers.get("content-range") ?? "a part that it does not name")}`,
    );
  }

  /** 416: the blob has no byte at this place. @returns the position, if it is the end */
  #notThere({ headers }: RegistryResponse): number {
    const total = contentRangeOf(headers)?.total;
    if (total !== undefined) this.#learnTotal(total);
    // Some do not say how large it is; what was read up to here then is all.
    else if (this.#end === undefined && this.#position > this.#start) this.#learnTotal(this.#position);
    if (this.#end === this.#position) return this.#position;
    if (this.#total === undefined) throw this.#outOfRange();
    throw new SlipwayError(
      "INVALID_RESPONSE",
      `Cannot ${this.#doing}: the registry refuses to go on at byte ${this.#position} of ${this.#total}`,
    );
  }

  #learnTotal(total: number): void {
    if (this.#total !== undefined && this.#total !== total) {
      throw new SlipwayError(
        "SIZE_MISMATCH",
        `Cannot ${this.#doing}: the registry says that it has ${total} bytes instead of ${this.#total}`,
      );
    }
    this.#total = total;
    if (this.#position > total || (this.#end !== undefined && this.#end > total)) throw this.#outOfRange();
    this.#end ??= total;
  }

  #outOfRange(): SlipwayError {
    const until = this.#end === undefined ? "on" : `to ${this.#end}`;
    const has = this.#total === undefined ? "it has fewer" : `it has ${this.#total} bytes`;
    return new SlipwayError(
      "OUT_OF_RANGE",
      `Cannot read bytes ${this.#position} ${until} of ${this.#blob.name}: ${has}`,
    );
  }

  /** All was read: the connection can be used again if the answer has ended, too. */
  async #finish(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    if (part.end === undefined ? this.#end !== this.#total : part.end !== this.#end) {
      await this.close();
      return;
    }
    // What is read is complete, so that a connection that is cut only now does no harm.
    const next = await part.chunks.next().catch(() => undefined);
    await this.close();
    if (next?.value !== undefined && next.value.byteLength > 0) {
      throw new SlipwayError("SIZE_MISMATCH", `Cannot ${this.#doing}: it is longer than its ${this.#total} bytes`);
    }
  }
}
