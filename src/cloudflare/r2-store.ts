import type { LeaseManager } from "../content/leases.ts";
import type { ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/host.ts";
import type { ImageStore } from "../images/store.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { digestStreamVerifier } from "./digest-stream.ts";
import { R2Blobs } from "./r2/blobs.ts";
import type { R2BucketLike } from "./r2/bucket.ts";
import { deleteObjects, hostTimers, R2Calls, type R2Timers } from "./r2/calls.ts";
import { R2ContentStore } from "./r2/content.ts";
import type { R2CallCounts } from "./r2/counted-bucket.ts";
import { R2Images } from "./r2/images.ts";
import { R2Ingests } from "./r2/ingests.ts";
import { R2Leases } from "./r2/leases.ts";
import { R2Metadata } from "./r2/metadata.ts";
import { listObjects, R2Records } from "./r2/records.ts";
import { R2Data } from "./r2/segments.ts";
import { R2Sweeps } from "./r2/sweeps.ts";

/** How {@link openR2} opens. */
export interface R2StoreOptions {
  /** What all keys begin with, for example `slipway/`, so that a bucket can have other things, too. Default none. */
  readonly prefix?: string | undefined;
  /**
   * Default: `hostHasher`, which is `node:crypto` in Workers with `nodejs_compat`, and `crypto.DigestStream` for verifying what is
   * read.
   */
  readonly hasher?: HasherFactory | undefined;
  /**
   * Bytes of one part of a large blob, from 5 MiB (what R2 allows) to 64 MiB, default 8 MiB. A writer keeps one part in memory.
   */
  readonly partSize?: number | undefined;
  /** Milliseconds after which a call to R2 that has not answered counts as failed. Default 30,000. */
  readonly timeout?: number | undefined;
  /** How often a call to R2 that fails or stalls is made at most, with pauses that grow. Default 4. */
  readonly attempts?: number | undefined;
  /**
   * Calls to R2 that the store may make at all, so that an operation ends with an error that says so, and gives back what it holds, before the
   * platform ends the Worker: 1,000 an invocation on the Free plan, 10,000 on Paid unless it is set otherwise. Default 10,000.
   */
  readonly callLimit?: number | undefined;
  /** Seconds after which the ref of a writer whose Worker was killed can be taken over. Default 60. */
  readonly hold?: number | undefined;
  /** Clock and alarm; default the host's. */
  readonly timers?: R2Timers | undefined;
}

/** A bucket as a store. */
export interface R2Store {
  /** Blobs: a record `blobs/ALGORITHM/HEX` each, and the bytes of all but small ones under `data/`. */
  readonly content: ContentStore;
  /** Names, under `images/`. */
  readonly images: ImageStore;
  /** Snapshots, and what layers were made, under `metadata/`. */
  readonly metadata: MetadataStore;
  /** Leases that other isolates respect too. One that was not released ends after a day. They protect the blobs of `content` only. */
  readonly leases: LeaseManager;
  /** How many calls to R2 the store has made. */
  calls(): R2CallCounts;
  /** Refs of ingests that nobody has written to for that many seconds: those of Workers that are gone for good. */
  abandonedIngests(seconds: number): AsyncIterable<string>;
  /**
   * Deletes what Workers left that were killed, or whose calls failed, and what stands for records that were removed: objects that nothing
   * refers to and that were written more than `seconds` ago. An hour is ample; a writer that is at work needs its objects. If they are
   * many, it leaves some to the next time.
   */
  tidy(seconds: number): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;

/**
 * An R2 bucket as content, image and metadata store, shared by as many isolates as there are. Blobs of any size stream in, and
 * become visible by one conditional write. Needs the bucket's binding and nothing else: no compatibility flag, and no Durable Object, as
 * nothing in it takes a lock: R2's conditional writes decide whatever two isolates may disagree on.
 *
 * R2 takes one write a second to one key. No two builds write to the same key, unless they write the same blob or name the same image: then one
 * of them finds that it is done, or waits for a second. At most six calls are under way at a time.
 *
 * Calls that fail or stall are made again; whatever happens, a blob is there whole or not at all.
 * @throws SlipwayError `INVALID_ARGUMENT` for options that cannot be. Nothing is asked of R2 yet; what is asked later may fail
 *   with `UNAVAILABLE` if R2 has no time for it, `RESOURCE_EXHAUSTED` beyond the `callLimit`, otherwise with `IO`; the `cause` is R2's error
 */
export function openR2(bucket: R2BucketLike, options: R2StoreOptions = {}): R2Store {
  const { prefix = "", hasher = hostHasher, timers = hostTimers } = options;
  const partSize = inRange("partSize", options.partSize ?? 8 * MEBIBYTE, 5 * MEBIBYTE, 64 * MEBIBYTE);
  const timeout = inRange("timeout", options.timeout ?? 30_000, 1, 600_000);
  const attempts = inRange("attempts", options.attempts ?? 4, 1, 20);
  const limit = inRange("callLimit", options.callLimit ?? 10_000, 1, Number.MAX_SAFE_INTEGER);
  const hold = inRange("hold", options.hold ?? 60, 1, 3600) * 1000;
  const calls = new R2Calls(bucket, { timeout, attempts, limit, timers });
  const recordsOf = (folder: string): R2Records => new R2Records(calls, `${prefix}${folder}/`);
  const data = new R2Data(calls, `${prefix}data/`);
  const sweeps = new R2Sweeps(calls, recordsOf("sweeps"));
  const blobs = new R2Blobs(calls, recordsOf("blobs"), data, sweeps);
  const ingests = new R2Ingests(calls, recordsOf("ingests"), data, blobs);
  // A hasher that the caller gave is to be used for reading, too.
  const verifier = options.hasher === undefined ? digestStreamVerifier() : undefined;
  const content = new R2ContentStore({ calls, data, blobs, ingests, hasher, verifier, partSize, hold });
  const images = recordsOf("images");
  const metadata = recordsOf("metadata");
  const leases = new R2Leases({ calls, records: recordsOf("leases"), prefix: `${prefix}leases/`, blobs, data, sweeps });
  return {
    content,
    images: new R2Images(images),
    metadata: new R2Metadata(metadata),
    leases,
    calls: () => calls.counts,
    async *abandonedIngests(seconds) {
      yield* content.untouchedSince(timers.now() - seconds * 1000);
    },
    async tidy(seconds) {
      const before = timers.now() - seconds * 1000;
      for (const part of [images, metadata, leases]) await part.tidy(before);
      const verdicts = await blobs.tidy(before);
      // In this order: what an ingest publishes meanwhile is named by its record or by the blob's, or both.
      const needed = new Set(await ingests.tidy(before));
      for await (const { segments } of blobs.list()) for (const { id } of segments) needed.add(id);
      const left: string[] = [];
      const isLeft = async (folder: string, isNeeded: (id: string) => boolean): Promise<void> => {
        for await (const { key, uploaded } of listObjects(calls, folder)) {
          if (!isNeeded(key.slice(folder.length)) && uploaded.getTime() < before) left.push(key);
        }
      };
      await isLeft(data.keyOf(""), (id) => needed.has(id));
      await isLeft(`${prefix}sweeps/`, (id) => verdicts.has(id));
      await deleteObjects(calls, left);
    },
  };
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot open the bucket: ${name} is ${value}, but must be a whole number from ${least} to ${most}`,
  );
}
