import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Platform } from "../oci/platform.ts";
import type { OperationOptions } from "../progress.ts";

/** An image that was found at its source. */
export interface SourceImage {
  /** Manifest or index. */
  readonly descriptor: Descriptor;
  /** Has all that the descriptor leads to. */
  readonly content: ContentProvider;
  /** Normalised names that it has at its source. */
  readonly names: readonly string[];
}

/** Where an image comes from: a registry, a layout directory, an archive, a store. containerd's `transfer` service. */
export interface ImageSource {
  /** For messages: `localhost:5000/hello:1`, `oci-archive:hello.tar`. */
  readonly description: string;
  /** Finds the image. Blobs are not read unless the source can be read in one go only. @throws SlipwayError `NOT_FOUND`, … */
  resolve(options?: OperationOptions): Promise<SourceImage>;
}

/** What a target takes of an image. */
export interface WriteImageOptions extends OperationOptions {
  /**
   * Of an index: only manifests for these platforms, and those that name none. The index stays as it is, so that its digest does,
   * and is sparse: stores and archives take that, most registries refuse it. Default all.
   */
  readonly platforms?: readonly Platform[] | undefined;
}

/** What is copied of an image. */
export interface TransferOptions extends WriteImageOptions {
  /**
   * Of an index: the manifest that suits this platform best, which then is the image, without the index. An image that is no index
   * must suit it, too. It is what `skopeo copy` and `crane pull` do unless they are told to take all. Default: the index with all
   * that it names, as with `skopeo copy --all`. Not together with `platforms`.
   */
  readonly platform?: Platform | undefined;
}

/** What came to the target. */
export interface TransferredImage {
  /** Manifest or index, as it is at the target. */
  readonly descriptor: Descriptor;
  /** Normalised names that it has there. */
  readonly names: readonly string[];
  /** Blobs and documents that were moved, and those that were there. */
  readonly blobs: { readonly moved: number; readonly existing: number };
  /** Bytes of what was moved. */
  readonly movedBytes: number;
}

/** Where an image goes: a registry, a layout directory, an archive, a store. */
export interface ImageTarget {
  /** For messages: `localhost:5000/hello:1`, `oci:layout`. */
  readonly description: string;
  /** Takes over what is missing there, each blob verified, and names it last. */
  write(image: SourceImage, options?: WriteImageOptions): Promise<TransferredImage>;
}
