import type { ContentProvider, ContentStore } from "../content/store.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { OperationOptions } from "../progress.ts";

/** An image that another is made of. An `ExportedImage` is one, and so is what a source of `slipway/transfer` resolves to. */
export interface OriginalImage {
  /** Has the documents that the descriptor leads to. Layers are not read. */
  readonly content: ContentProvider;
  /** Manifest or index. */
  readonly descriptor: Descriptor;
}

/** An image that was made of another. */
export interface MutatedImage {
  /**
   * Has all of it: the documents that were made, and what is as it was, layers above all, read from where it is. To write it to an
   * archive, to push it or to copy it, use this and not the store with the documents.
   */
  readonly content: ContentProvider;
  /** Manifest or index, of the same media type as before. The very same one if nothing changed. */
  readonly descriptor: Descriptor;
}

/** Where changed images go, and who is told. */
export interface MutateOptions extends OperationOptions {
  /** Takes the documents that are made: a few KiB. */
  readonly content: ContentStore;
  /** Told, in a sentence, what of the image was left out: attestations of what is not there any more. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
}
