import type { ByteRange } from "../bytes.ts";
import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { RequestBody } from "./transport.ts";

/** A manifest or index with its bytes, verified. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A blob that is to be uploaded. */
export interface UploadSource {
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
  /** All that the repository has, by digest; verified by who reads it, resumed where a connection is cut. Documents that it gives are remembered. */
  readonly content: ContentProvider;
  /** What a tag or digest stands for. @throws SlipwayError `NOT_FOUND` */
  resolve(reference: string, options?: OperationOptions): Promise<Descriptor>;
  /** A manifest or index, at most 4 MiB, verified by digest. @param reference tag or digest */
  fetchManifest(reference: string, options?: OperationOptions): Promise<FetchedManifest>;
  /** @param reference tag or digest @returns the descriptor, with the digest that the registry must have answered */
  pushManifest(
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
    reference: string,
    options?: OperationOptions,
  ): Promise<Descriptor>;
  /** @param reference tag or digest @throws SlipwayError `NOT_FOUND`, `UNSUPPORTED` where the registry does not delete */
  deleteManifest(reference: string, options?: OperationOptions): Promise<void>;
  /** Size of a blob, or undefined if it is not there. */
  hasBlob(digest: Digest, options?: OperationOptions): Promise<number | undefined>;
  /** Bytes of a blob or a part of it, not verified, resumed by ranges. */
  openBlob(digest: Digest, range?: ByteRange, options?: OperationOptions): AsyncIterable<Uint8Array>;
  /**
   * Brings a blob into the repository: looks whether it is there, mounts it from where it is said to be, or uploads it.
   * @param options `mountFrom`: repositories of the same registry that have it
   */
  pushBlob(
    source: UploadSource,
    options?: OperationOptions & { readonly mountFrom?: readonly string[] | undefined },
  ): Promise<UploadOutcome>;
  deleteBlob(digest: Digest, options?: OperationOptions): Promise<void>;
  /** Tags in the registry's order, page by page. */
  tags(options?: OperationOptions): AsyncIterable<string>;
  /** What refers to a manifest by `subject`; by the fallback tag where the registry has no referrers API. */
  referrers(
    digest: Digest,
    options?: OperationOptions & { readonly artifactType?: string | undefined },
  ): Promise<readonly Descriptor[]>;
}
