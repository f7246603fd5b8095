import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { OperationOptions } from "../progress.ts";

/** An image that is to be pushed: where its blobs are and what it is. An `ExportedImage` is one. */
export interface PushableImage {
  /** Has all blobs, or knows by the label `containerd.io/distribution.source.REGISTRY` which repositories of a registry have them. */
  readonly content: ContentProvider;
  /** Manifest or index. */
  readonly descriptor: Descriptor;
}

/** How an image is pushed. */
export interface PushOptions extends OperationOptions {
  /** By its digest only, without setting the tag. Default false. */
  readonly byDigest?: boolean | undefined;
  /** Allows plain http and certificates' absence also for registries that are not on loopback. Default false. */
  readonly insecure?: boolean | undefined;
}

/** What a push did. */
export interface PushedImage {
  /** Normalised, with its digest if it was pushed by digest. */
  readonly name: string;
  /** What the registry has now under that name. */
  readonly descriptor: Descriptor;
  /** How blobs came there: `existing` were there, `mounted` came from another repository, `uploaded` were sent. */
  readonly blobs: { readonly existing: number; readonly mounted: number; readonly uploaded: number };
  /** Bytes of the blobs and documents that were uploaded, with what an earlier run had sent of them. */
  readonly uploadedBytes: number;
}

/** Who can push images: the registry client is one (`createRegistry` of `slipway/registry`). */
export interface ImagePusher {
  /**
   * Pushes what is missing, blobs first, the named document last. It is one step "pushing NAME", of which all others are parts.
   * @param name in any spelling: `localhost:5000/hello:1`
   */
  push(image: PushableImage, name: string, options?: PushOptions): Promise<PushedImage>;
}
