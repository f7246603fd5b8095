import { createHash } from "node:crypto";
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
import { now, step } from "../scheduler.ts";

interface Stored extends R2ObjectLike {
  readonly bytes: Uint8Array;
}

/** A bucket in memory with R2's rules, each call of which waits for its turn. Answers are not lost: `faults.test.ts` loses them. */
export class YieldingBucket implements R2BucketLike {
  readonly #objects = new Map<string, Stored>();
  readonly #uploads = new Map<string, Map<number, Uint8Array>>();
  #count = 0;

  get keys(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }

  async head(key: string): Promise<R2ObjectLike | null> {
    await step(`head ${key}`, { key, writes: false });
    const found = this.#objects.get(key);
    return found === undefined ? null : objectOf(found);
  }

  async get(key: string, options: R2GetOptionsLike = {}): Promise<R2ObjectBodyLike | null> {
    await step(`get ${key}`, { key, writes: false });
    const found = this.#objects.get(key);
    if (found === undefined) return null;
    const { offset = 0, length = found.size } = options.range ?? {};
    const bytes = found.bytes.slice(offset, offset + length);
    return { ...objectOf(found), arrayBuffer: async () => bytes.buffer };
  }

  async put(key: string, value: Uint8Array, options: R2PutOptionsLike = {}): Promise<R2ObjectLike | null> {
    const bytes = value.slice();
    await step(`put ${key}`, { key, writes: true });
    const there = this.#objects.get(key);
    const { etagMatches, etagDoesNotMatch } = options.onlyIf ?? {};
    if (etagMatches !== undefined && there?.etag !== etagMatches) return null;
    if (etagDoesNotMatch !== undefined && there !== undefined) {
      if (etagDoesNotMatch === "*" || there.etag === etagDoesNotMatch) return null;
    }
    if (options.sha256 !== undefined && createHash("sha256").update(bytes).digest("hex") !== options.sha256) {
      throw new Error("put: The SHA-256 checksum you specified did not match what we received. (10037)");
    }
    return this.#store(key, bytes, options.customMetadata);
  }

  async delete(keys: string | string[]): Promise<void> {
    for (const key of [keys].flat()) {
      await step(`delete ${key}`, { key, writes: true });
      this.#objects.delete(key);
    }
  }

  async list(options: R2ListOptionsLike = {}): Promise<R2ObjectsLike> {
    const { prefix = "", include = [] } = options;
    await step(`list ${prefix}`, { key: `${prefix}*`, writes: false });
    const objects = this.keys
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => {
        const { customMetadata, ...object } = objectOf(this.#objects.get(key) as Stored);
        return include.includes("customMetadata") && customMetadata ? { ...object, customMetadata } : object;
      });
    return { objects, truncated: false };
  }

  async createMultipartUpload(key: string): Promise<R2MultipartUploadLike> {
    await step(`begin upload ${key}`, { key: `upload ${key}`, writes: true });
    const uploadId = `upload-${this.#count++}`;
    this.#uploads.set(uploadId, new Map());
    return this.resumeMultipartUpload(key, uploadId);
  }

  resumeMultipartUpload(key: string, uploadId: string): R2MultipartUploadLike {
    const parts = (): Map<number, Uint8Array> => {
      const found = this.#uploads.get(uploadId);
      if (found === undefined) throw new Error("The specified multipart upload does not exist. (10024)");
      return found;
    };
    return {
      uploadId,
      uploadPart: async (partNumber: number, value: Uint8Array): Promise<R2UploadedPartLike> => {
        const bytes = value.slice();
        await step(`upload part ${partNumber} of ${key}`, { key: `upload ${key}`, writes: true });
        parts().set(partNumber, bytes);
        return { partNumber, etag: etagOf(bytes) };
      },
      abort: async () => {
        await step(`abort upload ${key}`, { key: `upload ${key}`, writes: true });
        parts();
        this.#uploads.delete(uploadId);
      },
      complete: async (uploaded) => {
        await step(`complete upload ${key}`, { key, writes: true });
        const all = parts();
        this.#uploads.delete(uploadId);
        return this.#store(
          key,
          Buffer.concat(uploaded.map(({ partNumber }) => all.get(partNumber) ?? new Uint8Array())),
        );
      },
    };
  }

  #store(key: string, bytes: Uint8Array, customMetadata?: Record<string, string>): R2ObjectLike {
    const stored: Stored = {
      key,
      size: bytes.byteLength,
      etag: etagOf(bytes),
      uploaded: new Date(now()),
      ...(customMetadata === undefined ? {} : { customMetadata: { ...customMetadata } }),
      bytes,
    };
    this.#objects.set(key, stored);
    return objectOf(stored);
  }
}

/** It changes with the content, and only with it. */
const etagOf = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

function objectOf({ bytes: _, ...object }: Stored): R2ObjectLike {
  return object;
}
