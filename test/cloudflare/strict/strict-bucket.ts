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
import type { VirtualTimers } from "./virtual-timers.ts";

/** What goes wrong, each as a part of all calls. */
export interface StrictFaults {
  readonly seed: number;
  /** The call fails with 10001, or as if the connection were lost, and has not taken effect. */
  readonly fails?: number;
  /** It fails although it has taken effect. */
  readonly losesAnswer?: number;
  /** It takes 5 s. */
  readonly slow?: number;
}

export interface StrictOptions {
  /** Whether a deletion counts as a write to its key: R2's documentation does not say. Default true. */
  readonly deletesCount?: boolean;
  readonly faults?: StrictFaults;
  /** Objects that a list tells at once. Default 1000. */
  readonly pageSize?: number;
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly uploaded: number;
  readonly notes: Record<string, string>;
}

const PART = 5 * 1024 * 1024;

/**
 * An R2 bucket in memory that keeps to the documented limits, which no simulator does: one write a second to one key, subrequests and open
 * connections of each invocation of a Worker. Calls take a few milliseconds of a clock that is not the host's.
 */
export class StrictBucket {
  /** Keys that were written to too soon, as often as they were. */
  readonly refused: string[] = [];
  /** Deletions that were refused for the same reason. */
  refusedDeletes = 0;
  /** Calls of each kind. */
  readonly calls: { readonly kind: string; readonly key: string }[] = [];
  /** Connections that one invocation wanted to have open at a time, at most. */
  mostOpen = 0;
  readonly #objects = new Map<string, Stored>();
  readonly #uploads = new Map<string, { readonly key: string; readonly parts: Map<number, Uint8Array> }>();
  readonly #written = new Map<string, number>();
  readonly #timers: VirtualTimers;
  readonly #options: StrictOptions;
  #random: number;

  constructor(timers: VirtualTimers, options: StrictOptions = {}) {
    this.#timers = timers;
    this.#options = options;
    this.#random = options.faults?.seed ?? 1;
  }

  get keys(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }

  /** The binding of one invocation, which may make so many calls. */
  binding(subrequests: number = Number.POSITIVE_INFINITY): R2BucketLike {
    const invocation = new Invocation(subrequests, (open) => {
      this.mostOpen = Math.max(this.mostOpen, open);
    });
    const call = <T>(kind: string, key: string, work: () => T): Promise<T> =>
      invocation.run(() => this.#call(kind, key, work));
    return {
      head: (key) => call("head", key, () => this.#head(key)),
      get: (key, options) => call("get", key, () => this.#get(key, options)),
      put: (key, value, options) => {
        const bytes = value.slice();
        return call("put", key, () => this.#put(key, bytes, options));
      },
      delete: (keys) => call("delete", String(keys), () => this.#delete([keys].flat())),
      list: (options) => call("list", options?.prefix ?? "", () => this.#list(options)),
      createMultipartUpload: async (key) => {
        const uploadId = await call("createMultipartUpload", key, () => {
          const id = `upload-${this.#uploads.size}`;
          this.#uploads.set(id, { key, parts: new Map() });
          return id;
        });
        return this.#upload(key, uploadId, call);
      },
      resumeMultipartUpload: (key, uploadId) => this.#upload(key, uploadId, call),
    };
  }

  #upload(
    key: string,
    uploadId: string,
    call: <T>(kind: string, key: string, work: () => T) => Promise<T>,
  ): R2MultipartUploadLike {
    const find = () => {
      const upload = this.#uploads.get(uploadId);
      if (upload?.key === key) return upload;
      throw new Error("completeMultipartUpload: The specified multipart upload does not exist. (10024)");
    };
    return {
      uploadId,
      uploadPart: (partNumber, value) => {
        const bytes = value.slice();
        return call("uploadPart", key, (): R2UploadedPartLike => {
          find().parts.set(partNumber, bytes);
          return { partNumber, etag: etagOf(bytes) };
        });
      },
      abort: () =>
        call("abortMultipartUpload", key, () => {
          find();
          this.#uploads.delete(uploadId);
        }),
      complete: (parts) =>
        call("completeMultipartUpload", key, () => {
          const { parts: there } = find();
          const chunks = parts.map(({ partNumber, etag }) => {
            const bytes = there.get(partNumber);
            if (bytes === undefined || etagOf(bytes) !== etag) throw new Error("completeMultipartUpload: (10025)");
            return bytes;
          });
          const sizes = new Set(chunks.slice(0, -1).map(({ byteLength }) => byteLength));
          if (sizes.size > 1 || [...sizes].some((size) => size < PART))
            throw new Error("completeMultipartUpload: (10048)");
          this.#mustNotBeTooSoon(key, "completeMultipartUpload");
          this.#uploads.delete(uploadId);
          return this.#store(key, Buffer.concat(chunks), {});
        }),
    };
  }

  async #call<T>(kind: string, key: string, work: () => T): Promise<T> {
    const { faults } = this.#options;
    this.calls.push({ kind, key });
    await this.#timers.sleep(faults?.slow !== undefined && this.#next() < faults.slow ? 5000 : 2 + this.#next() * 10);
    if (faults?.fails !== undefined && this.#next() < faults.fails) {
      throw new Error(
        this.#next() < 0.5
          ? `${kind}: We encountered an internal error. Please try again. (10001)`
          : "Network connection lost.",
      );
    }
    const answer = work();
    await this.#timers.sleep(2 + this.#next() * 10);
    if (faults?.losesAnswer !== undefined && this.#next() < faults.losesAnswer) {
      throw new Error(`${kind}: We encountered an internal error. Please try again. (10001)`);
    }
    return answer;
  }

  #head(key: string): R2ObjectLike | null {
    const stored = this.#objects.get(key);
    return stored === undefined ? null : describe(key, stored);
  }

  #get(key: string, options: R2GetOptionsLike | undefined): R2ObjectBodyLike | null {
    const stored = this.#objects.get(key);
    if (stored === undefined) return null;
    const { offset = 0, length = stored.bytes.byteLength } = options?.range ?? {};
    const bytes = stored.bytes.slice(offset, offset + length);
    return { ...describe(key, stored), arrayBuffer: async () => bytes.slice().buffer };
  }

  #put(key: string, bytes: Uint8Array, options: R2PutOptionsLike = {}): R2ObjectLike | null {
    this.#mustNotBeTooSoon(key, "put");
    const { onlyIf, customMetadata = {}, sha256 } = options;
    const there = this.#objects.get(key);
    if (onlyIf?.etagDoesNotMatch !== undefined && there !== undefined) return null;
    if (onlyIf?.etagMatches !== undefined && there?.etag !== onlyIf.etagMatches) return null;
    if (sha256 !== undefined && createHash("sha256").update(bytes).digest("hex") !== sha256) {
      throw new Error("put: The SHA-256 checksum you specified did not match what we received. (10037)");
    }
    return this.#store(key, bytes, customMetadata);
  }

  #store(key: string, bytes: Uint8Array, notes: Record<string, string>): R2ObjectLike {
    const stored = { bytes, etag: etagOf(bytes), uploaded: this.#timers.now(), notes };
    this.#objects.set(key, stored);
    this.#written.set(key, this.#timers.now());
    return describe(key, stored);
  }

  #delete(keys: readonly string[]): void {
    if (keys.length > 1000) throw new Error("delete: too many keys (10014)");
    const { deletesCount = true } = this.#options;
    if (deletesCount && keys.some((key) => this.#isTooSoon(key))) {
      this.refusedDeletes++;
      throw new Error(BUSY("delete"));
    }
    for (const key of keys) if (this.#objects.delete(key) && deletesCount) this.#written.set(key, this.#timers.now());
  }

  #list({ prefix = "", cursor }: R2ListOptionsLike = {}): R2ObjectsLike {
    const { pageSize = 1000 } = this.#options;
    const keys = this.keys.filter((key) => key.startsWith(prefix) && (cursor === undefined || key > cursor));
    const page = keys.slice(0, pageSize);
    const objects = page.flatMap((key) => {
      const stored = this.#objects.get(key);
      return stored === undefined ? [] : [describe(key, stored)];
    });
    const last = page.at(-1);
    return keys.length > page.length && last !== undefined
      ? { objects, truncated: true, cursor: last }
      : { objects, truncated: false };
  }

  #isTooSoon(key: string): boolean {
    return this.#timers.now() - (this.#written.get(key) ?? 0) < 1000;
  }

  #mustNotBeTooSoon(key: string, kind: string): void {
    if (!this.#isTooSoon(key)) return;
    this.refused.push(key);
    throw new Error(BUSY(kind));
  }

  /** Of one seed the same ones. */
  #next(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return this.#random / 2 ** 32;
  }
}

/** The limits of one invocation of a Worker. */
class Invocation {
  readonly #subrequests: number;
  readonly #onOpen: (open: number) => void;
  readonly #waiting: (() => void)[] = [];
  #made = 0;
  #open = 0;

  constructor(subrequests: number, onOpen: (open: number) => void) {
    this.#subrequests = subrequests;
    this.#onOpen = onOpen;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (++this.#made > this.#subrequests) throw new Error("Too many API requests by single Worker invocation.");
    this.#onOpen(this.#open + this.#waiting.length + 1);
    if (this.#open >= 6) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#open++;
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }
}

const BUSY = (kind: string): string => `${kind}: Reduce your concurrent request rate for the same object. (10058)`;

const etagOf = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");

const describe = (key: string, { bytes, etag, uploaded, notes }: Stored): R2ObjectLike => ({
  key,
  size: bytes.byteLength,
  etag,
  uploaded: new Date(uploaded),
  customMetadata: { ...notes },
});
