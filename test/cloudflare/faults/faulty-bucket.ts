import type {
  R2BucketLike,
  R2GetOptionsLike,
  R2ListOptionsLike,
  R2MultipartUploadLike,
  R2ObjectBodyLike,
  R2ObjectLike,
  R2ObjectsLike,
  R2PutOptionsLike,
  R2UploadedPartLike,
} from "../../../src/cloudflare/index.ts";
import type { TestTimers } from "../test-timers.ts";

/** What can be wrong with a call to R2. */
export const FAULTS = [
  "fails",
  "stalls",
  "fails after it took effect",
  "stalls after it took effect",
  "answers null",
  "answers short",
  "stalls in the middle of the answer",
] as const;
export type Fault = (typeof FAULTS)[number];

/** What makes a difference to a call of that name. */
export function faultsOf(call: string): readonly Fault[] {
  const [method = ""] = call.split(" ");
  const isRead = method === "head" || method === "get" || method === "list";
  return FAULTS.filter((fault) => {
    if (fault.endsWith("after it took effect")) return !isRead;
    if (fault === "answers null") return method === "head" || method === "get" || method === "put";
    if (fault === "answers short") return method === "get" || method === "list";
    return fault !== "stalls in the middle of the answer" || method === "get";
  });
}

/** Which calls it befalls, counted from 0. */
export interface FaultPlan {
  readonly fault: Fault;
  readonly from: number;
  readonly to: number;
}

/** A real bucket, some calls of which go wrong. */
export class FaultyBucket implements R2BucketLike {
  /** Names of the calls that were made. */
  readonly calls: string[] = [];
  readonly #bucket: R2BucketLike;
  readonly #timers: TestTimers;
  readonly #plan: FaultPlan | undefined;

  constructor(bucket: R2BucketLike, timers: TestTimers, plan?: FaultPlan) {
    this.#bucket = bucket;
    this.#timers = timers;
    this.#plan = plan;
  }

  head(key: string): Promise<R2ObjectLike | null> {
    return this.#call(`head ${key}`, () => this.#bucket.head(key), { absent: null });
  }

  get(key: string, options?: R2GetOptionsLike): Promise<R2ObjectBodyLike | null> {
    return this.#call(`get ${key}`, () => this.#bucket.get(key, options), {
      absent: null,
      short: (object) => object && halved(object),
      stalled: (object) => object && answering(object, () => this.#stall()),
    });
  }

  put(key: string, value: Uint8Array, options?: R2PutOptionsLike): Promise<R2ObjectLike | null> {
    return this.#call(`put ${key}`, () => this.#bucket.put(key, value, options), { absent: null });
  }

  delete(keys: string | string[]): Promise<void> {
    return this.#call(`delete ${keys}`, () => this.#bucket.delete(keys));
  }

  list(options?: R2ListOptionsLike): Promise<R2ObjectsLike> {
    return this.#call(`list ${options?.prefix}`, () => this.#bucket.list(options), {
      short: (page) => ({ objects: page.objects.slice(0, 1), truncated: true }),
    });
  }

  async createMultipartUpload(key: string): Promise<R2MultipartUploadLike> {
    return await this.#call(`create upload ${key}`, () => this.#bucket.createMultipartUpload(key));
  }

  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUploadLike {
    const upload = this.#bucket.resumeMultipartUpload(key, uploadId);
    return {
      uploadId,
      uploadPart: (number, value) =>
        this.#call<R2UploadedPartLike>(`part ${number} of ${key}`, () => upload.uploadPart(number, value)),
      abort: () => this.#call(`abort ${key}`, () => upload.abort()),
      complete: (parts) => this.#call(`complete ${key}`, () => upload.complete(parts)),
    };
  }

  async #call<T>(name: string, call: () => Promise<T>, ways: Ways<T> = {}): Promise<T> {
    const number = this.calls.push(name) - 1;
    const { fault, from, to } = this.#plan ?? { fault: undefined, from: 0, to: -1 };
    if (fault === undefined || number < from || number > to) return await call();
    switch (fault) {
      case "fails":
        throw new Error("get: We encountered an internal error. Please try again. (10001)");
      case "stalls":
        return await this.#stall();
      case "fails after it took effect":
        await call();
        throw new Error("Network connection lost.");
      case "stalls after it took effect":
        await call();
        return await this.#stall();
      case "answers null":
        return ways.absent === undefined ? await call() : ways.absent;
      case "answers short":
        return ways.short === undefined ? await call() : ways.short(await call());
      case "stalls in the middle of the answer":
        return ways.stalled === undefined ? await call() : ways.stalled(await call());
    }
  }

  #stall<T>(): Promise<T> {
    this.#timers.runOut();
    return new Promise(() => undefined);
  }
}

interface Ways<T> {
  readonly absent?: T;
  readonly short?: (answer: T) => T;
  readonly stalled?: (answer: T) => T;
}

const answering = (object: R2ObjectBodyLike, arrayBuffer: () => Promise<ArrayBuffer>): R2ObjectBodyLike => ({
  key: object.key,
  size: object.size,
  etag: object.etag,
  uploaded: object.uploaded,
  ...(object.customMetadata === undefined ? {} : { customMetadata: object.customMetadata }),
  arrayBuffer,
});

/** Only the first half. */
const halved = (object: R2ObjectBodyLike): R2ObjectBodyLike =>
  answering(object, async () => {
    const bytes = await object.arrayBuffer();
    return bytes.slice(0, bytes.byteLength >> 1);
  });
