import { createLeaseManager, type LeaseManager } from "../content/leases.ts";
import type { ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/host.ts";
import type { ImageStore } from "../images/store.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { digestStreamVerifier } from "./digest-stream.ts";
import { R2Blobs } from "./r2/blobs.ts";
import type { R2BucketLike } from "./r2/bucket.ts";
import { hostTimers, R2Calls, type R2Timers } from "./r2/calls.ts";
import { R2ContentStore } from "./r2/content.ts";
import { R2Images } from "./r2/images.ts";
import { R2Ingests } from "./r2/ingests.ts";
import { R2Locks } from "./r2/locks.ts";
import { R2Metadata } from "./r2/metadata.ts";
import { listObjects, R2Records } from "./r2/records.ts";
import { R2Data } from "./r2/segments.ts";

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
  /** Leases that other isolates respect too. One that was not released ends after a day. */
  readonly leases: LeaseManager;
  /** Refs of ingests that nobody has written to for that many seconds: those of Workers that are gone for good. */
  abandonedIngests(seconds: number): AsyncIterable<string>;
  /**
   * Deletes what Workers left that were killed, or whose calls failed: objects that nothing refers to and that were written
   * more than `seconds` ago. An hour is ample; a writer that is at work needs its objects.
   */
  tidy(seconds: number): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;

/**
 * An R2 bucket as content, image and metadata store, shared by as many isolates as there are. Blobs of any size stream in, and
 * become visible by one conditional write. Needs the bucket's binding and nothing else: no compatibility flag, no Durable Object.
 *
 * Calls that fail or stall are made again; whatever happens, a blob is there whole or not at all.
 * @throws SlipwayError `INVALID_ARGUMENT` for options that cannot be. Nothing is asked of R2 yet; what is asked later may fail
 *   with `IO`, which has R2's error as its `cause`
 */
export function openR2(bucket: R2BucketLike, options: R2StoreOptions = {}): R2Store {
  const { prefix = "", hasher = hostHasher, timers = hostTimers } = options;
  const partSize = inRange("partSize", options.partSize ?? 8 * MEBIBYTE, 5 * MEBIBYTE, 64 * MEBIBYTE);
  const timeout = inRange("timeout", options.timeout ?? 30_000, 1, 600_000);
  const attempts = inRange("attempts", options.attempts ?? 4, 1, 20);
  const hold = inRange("hold", options.hold ?? 60, 1, 3600) * 1000;
  const calls = new R2Calls(bucket, { timeout, attempts, timers });
  const recordsOf = (folder: string): R2Records => new R2Records(calls, `${prefix}${folder}/`);
  const data = new R2Data(calls, `${prefix}data/`);
  const blobs = new R2Blobs(recordsOf("blobs"), data);
  const ingests = new R2Ingests(calls, recordsOf("ingests"), data, blobs);
  // A hasher that the caller gave is to be used for reading, too.
  const verifier = options.hasher === undefined ? digestStreamVerifier() : undefined;
  const content = new R2ContentStore({ calls, data, blobs, ingests, hasher, verifier, partSize, hold });
  const locks = new R2Locks(calls, recordsOf("locks"));
  const others = ["images", "metadata", "leases"].map(recordsOf);
  const [images, metadata, leases] = others as [R2Records, R2Records, R2Records];
  return {
    content,
    images: new R2Images(images),
    metadata: new R2Metadata(metadata),
    leases: createLeaseManager(new R2Metadata(leases), {
      exclusive: (work) => locks.exclusive("leases", work),
      now: () => timers.now() / 1000,
    }),
    async *abandonedIngests(seconds) {
      yield* content.untouchedSince(timers.now() - seconds * 1000);
    },
    async tidy(seconds) {
      const before = timers.now() - seconds * 1000;
      for (const records of others) await records.tidy();
      await blobs.tidy();
      // In this order: what an ingest publishes meanwhile is named by its record or by the blob's, or both.
      const needed = new Set(await ingests.tidy());
      for await (const { segments } of blobs.list()) for (const { id } of segments) needed.add(id);
      for await (const { key, uploaded } of listObjects(calls, data.keyOf(""))) {
        const id = key.slice(data.keyOf("").length);
        if (!needed.has(id) && uploaded.getTime() < before) await data.delete([{ id, size: 0 }]);
      }
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
