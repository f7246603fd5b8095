import type {
  R2BucketLike,
  R2GetOptionsLike,
  R2ListOptionsLike,
  R2MultipartUploadLike,
  R2ObjectBodyLike,
  R2ObjectLike,
  R2ObjectsLike,
  R2PutOptionsLike,
} from "./bucket.ts";

/** What a call to R2 does. */
export type R2CallKind =
  | "head"
  | "get"
  | "put"
  | "delete"
  | "list"
  | "createMultipartUpload"
  | "uploadPart"
  | "completeMultipartUpload"
  | "abortMultipartUpload";

/** Calls that a store has made to R2, those that failed too. Each is one subrequest of the Worker. */
export interface R2CallCounts {
  /** What R2 bills as class A: `put`, `list`, and multipart uploads. */
  readonly classA: number;
  /** What R2 bills as class B: `get` and `head`. */
  readonly classB: number;
  /** What R2 does not bill: `delete`, and aborted uploads. */
  readonly free: number;
  /** All of them. */
  readonly total: number;
  /** Each kind by itself. */
  readonly byKind: Readonly<Record<R2CallKind, number>>;
}

/** A bucket that counts the calls made to it. */
export class CountedBucket implements R2BucketLike {
  readonly #bucket: R2BucketLike;
  readonly #counts: Record<R2CallKind, number> = {
    head: 0,
    get: 0,
    put: 0,
    delete: 0,
    list: 0,
    createMultipartUpload: 0,
    uploadPart: 0,
    completeMultipartUpload: 0,
    abortMultipartUpload: 0,
  };

  constructor(bucket: R2BucketLike) {
    this.#bucket = bucket;
  }

  get counts(): R2CallCounts {
    const byKind = { ...this.#counts };
    const classB = byKind.head + byKind.get;
    const free = byKind.delete + byKind.abortMultipartUpload;
    const total = Object.values(byKind).reduce((sum, count) => sum + count, 0);
    return { classA: total - classB - free, classB, free, total, byKind };
  }

  head(key: string): Promise<R2ObjectLike | null> {
    this.#counts.head++;
    return this.#bucket.head(key);
  }

  get(key: string, options?: R2GetOptionsLike): Promise<R2ObjectBodyLike | null> {
    this.#counts.get++;
    return this.#bucket.get(key, options);
  }

  put(key: string, value: Uint8Array, options?: R2PutOptionsLike): Promise<R2ObjectLike | null> {
    this.#counts.put++;
    return this.#bucket.put(key, value, options);
  }

  delete(keys: string | string[]): Promise<void> {
    this.#counts.delete++;
    return this.#bucket.delete(keys);
  }

  list(options?: R2ListOptionsLike): Promise<R2ObjectsLike> {
    this.#counts.list++;
    return this.#bucket.list(options);
  }

  createMultipartUpload(key: string): Promise<R2MultipartUploadLike> {
    this.#counts.createMultipartUpload++;
    return this.#bucket.createMultipartUpload(key);
  }

  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUploadLike {
    const upload = this.#bucket.resumeMultipartUpload(key, uploadId);
    return {
      uploadId,
      uploadPart: (number, value) => {
        this.#counts.uploadPart++;
        return upload.uploadPart(number, value);
      },
      abort: () => {
        this.#counts.abortMultipartUpload++;
        return upload.abort();
      },
      complete: (parts) => {
        this.#counts.completeMultipartUpload++;
        return upload.complete(parts);
      },
    };
  }
}
