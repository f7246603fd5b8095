/**
 * The client for registries (distribution-spec): pull, push, discovery and management, over an injected `fetch`, in every runtime. What is
 * read is verified by digest, resumed where a connection is cut, and bounded in size.
 *
 * @example
 * ```ts
 * import { copyImage } from "slipway/archive";
 * import { createMemoryContentStore } from "slipway/content";
 * import { createRegistry } from "slipway/registry";
 *
 * const registry = createRegistry();
 * const repository = registry.repository("localhost:5000/hello");
 * for await (const tag of repository.tags()) console.log(tag, await repository.resolve(tag));
 *
 * const store = createMemoryContentStore();
 * const { content, descriptor } = await registry.source("localhost:5000/hello:1").resolve();
 * await copyImage(content, store, descriptor, { platforms: [{ os: "linux", architecture: "amd64" }] });
 *
 * await registry.push({ content, descriptor }, "localhost:5000/copy:1"); // the layers are mounted, not sent
 * ```
 *
 * @module
 */

export { createRegistry } from "./create-registry.ts";
export type { CredentialProvider, RegistryCredentials } from "./credentials.ts";
export type { Registry, RegistryOptions, RegistryTimers, RetryOptions } from "./registry.ts";
export type { FetchedManifest, Repository, UploadOutcome, UploadSource } from "./repository.ts";
export { sourceLabel, sourceRepositories } from "./source-label.ts";
export type {
  RegistryRequest,
  RegistryResponse,
  RegistryTransport,
  RequestBody,
  RetryingOptions,
} from "./transport.ts";
export { UPLOAD_RECORDS } from "./upload/upload-record.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ReadRange, ReopenableSource } from "../bytes.ts";
export type { ContentInfo, ContentProvider } from "../content/index.ts";
export type { ImagePusher, PushableImage, PushedImage, PushOptions } from "../exporter/index.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "../hash/index.ts";
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
export type { MetadataStore } from "../snapshots/index.ts";
export type {
  ImageSource,
  ImageTarget,
  SourceImage,
  TransferOptions,
  TransferredImage,
  WriteImageOptions,
} from "../transfer/index.ts";
