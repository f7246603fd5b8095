/**
 * The edge for Cloudflare Workers: an R2 bucket as a store, and a relay between pages and registries. Everything else of Slipway runs in a Worker as it is, with or
 * without `nodejs_compat`.
 *
 * @example
 * ```ts
 * import { build } from "slipway";
 * import { openR2 } from "slipway/cloudflare";
 *
 * const store = openR2(env.BUCKET);
 * const image = await build({ name: "demo/hello:1", files: { "/hello.txt": "hello\n" }, ...store });
 * ```
 *
 * @module
 */

export { apiResponse } from "./api-response.ts";
export type {
  R2BucketLike,
  R2GetOptionsLike,
  R2ListOptionsLike,
  R2MultipartUploadLike,
  R2ObjectBodyLike,
  R2ObjectLike,
  R2ObjectsLike,
  R2PutOptionsLike,
  R2UploadedPartLike,
} from "./r2/bucket.ts";
export type { R2Timers } from "./r2/calls.ts";
export type { R2CallCounts, R2CallKind } from "./r2/counted-bucket.ts";
export { openR2, type R2Store, type R2StoreOptions } from "./r2-store.ts";
export type { RegistryRelayOptions } from "./relay/options.ts";
export { createRegistryRelay, type RegistryRelay } from "./relay/registry-relay.ts";
export type { RelayAction } from "./relay/route.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ReadRange } from "../bytes.ts";
export type {
  CommitOptions,
  ContentInfo,
  ContentProvider,
  ContentStore,
  ContentWriter,
  IngestStatus,
  Lease,
  LeaseManager,
  WriterOptions,
} from "../content/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
export type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../images/index.ts";
export type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  JsonMap,
  JsonNumber,
  JsonValue,
  Platform,
} from "../oci/index.ts";
export type { OperationOptions, ProgressEvent, ProgressListener } from "../progress.ts";
export type { RegistryTimers } from "../registry/index.ts";
export type { MetadataStore } from "../snapshots/index.ts";
