import type { ByteRange } from "../bytes.ts";
import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { RequestBody } from "./transport.ts";

/** A manifest or index with its bytes, verified. */
export interface FetchedManifest {
  /** What it is, its digest computed from the bytes. */
  readonly descriptor: Descriptor;
  /** As the registry has them. A copy: they may be changed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A blob that is to be uploaded. */
export interface UploadSource {
  /** What the registry is to find it by. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `Blob`s stay where they are; sources are read from where the registry wants to go on. */
  readonly body: RequestBody;
}

/** How a blob came into a repository. */
export type UploadOutcome = "existing" | "mounted" | "uploaded";

/** One repository of a registry: distribution-spec, `spec.md`. */
export interface Repository {
  /** `docker.io/library/alpine`. */
  readonly name: string;
  /**
   * All that the repository has, by digest; verified by who reads it (`readBlob`), resumed where a connection is cut. Documents that it
   * gives are remembered, up to 16 MiB. `info` believes a manifest that names a blob, and asks the registry otherwise; its label
   * `containerd.io/distribution.source.REGISTRY` says where a push may mount the blob from.
   */
  readonly content: ContentProvider;
  /**
   * What a tag or digest stands for, without fetching it where the registry tells.
   * @param reference tag or digest
   * @throws SlipwayError `NOT_FOUND`; `UNSUPPORTED` for Docker's schema 1; `DIGEST_MISMATCH` if the registry answers with another digest
   *   than the one asked for; `SIZE_MISMATCH` beyond 4 MiB; `INVALID_REFERENCE`, `INVALID_RESPONSE`
   */
  resolve(reference: string, options?: OperationOptions): Promise<Descriptor>;
  /**
   * A manifest or index, at most 4 MiB, verified by digest.
   * @param reference tag or digest
   * @throws SlipwayError as `resolve`; `INVALID_DOCUMENT`, `AMBIGUOUS_DOCUMENT` (CVE-2021-41190)
   */
  fetchManifest(reference: string, options?: OperationOptions): Promise<FetchedManifest>;
  /**
   * Puts a manifest or index, whose blobs must be there.
   * @param reference tag or digest
   * @returns the descriptor, with the digest that the registry must have answered
   * @throws SlipwayError `DIGEST_MISMATCH` if the registry made something else of it
   */
  pushManifest(
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
    reference: string,
    options?: OperationOptions,
  ): Promise<Descriptor>;
  /**
   * Deletes a manifest with all its tags, by digest; or a tag, where the registry can do that alone.
   * @param reference tag or digest
   * @throws SlipwayError `NOT_FOUND`; `UNSUPPORTED` where the registry does not delete
   */
  deleteManifest(reference: string, options?: OperationOptions): Promise<void>;
  /** Size of a blob in bytes as the registry says it, or undefined if it is not there. */
  hasBlob(digest: Digest, options?: OperationOptions): Promise<number | undefined>;
  /**
   * Bytes of a blob or a part of it, not verified, resumed by ranges where a connection is cut.
   * @throws SlipwayError by rejecting `next()`: `NOT_FOUND`; `OUT_OF_RANGE` if the range leaves the blob; `SIZE_MISMATCH` if the registry
   *   contradicts itself; `INVALID_RESPONSE` for another part than was asked for
   */
  openBlob(digest: Digest, range?: ByteRange, options?: OperationOptions): AsyncIterable<Uint8Array>;
  /**
   * Brings a blob into the repository: looks whether it is there, mounts it from where it is said to be, or uploads it.
   * @param options `mountFrom`: repositories of the same registry that have it
   */
  pushBlob(
    source: UploadSource,
    options?: OperationOptions & { readonly mountFrom?: readonly string[] | undefined },
  ): Promise<UploadOutcome>;
  /** Deletes a blob from this repository. @throws SlipwayError `NOT_FOUND`; `UNSUPPORTED` where the registry does not delete */
  deleteBlob(digest: Digest, options?: OperationOptions): Promise<void>;
  /**
   * Tags in the registry's order, page by page as they are read.
   * @throws SlipwayError `NOT_FOUND`; `INVALID_RESPONSE` for pages in circles, at another host, or more than 2000 of them or 64 MiB
   */
  tags(options?: OperationOptions): AsyncIterable<string>;
  /**
   * What refers to a manifest by `subject`; by the fallback tag where the registry has no referrers API.
   * @param options `artifactType`: only referrers of that type
   * @returns their descriptors; none if nothing refers to it, or it is not there
   * @throws SlipwayError `INVALID_RESPONSE` as for `tags`, and for more than 20,000 of them
   */
  referrers(
    digest: Digest,
    options?: OperationOptions & { readonly artifactType?: string | undefined },
  ): Promise<readonly Descriptor[]>;
}
