import type { BlockCache } from "../compress/block-cache.ts";
import type { GzipEngine } from "../compress/gzip.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { Tree } from "../snapshots/tree.ts";
import type { TarInput } from "../tar/index.ts";

/** How a layer is compressed. */
export type LayerCompression = "gzip" | "uncompressed";

/** What decides a layer's bytes besides the two trees. */
export interface LayerOptions {
  /** Default `gzip`. */
  readonly compression?: LayerCompression | undefined;
  /** gzip 0 … 9, default 6. */
  readonly compressionLevel?: number | undefined;
  /** Who makes the gzip, default `slipway`. Another engine gives other bytes. */
  readonly compressionEngine?: GzipEngine | undefined;
  /** Seconds since 1970: later mtimes are written as this one. */
  readonly sourceDateEpoch?: number | undefined;
  /** Whether a file of which only the mtime changed is shipped. Default true, as containerd does. */
  readonly mtimeChanges?: boolean | undefined;
  /** Which xattrs are written. Default all. */
  readonly xattrs?: ((name: string) => boolean) | undefined;
}

/** A layer blob in the content store. */
export interface Layer {
  /** The blob as stored; the media type is OCI's (`…layer.v1.tar+gzip` or `…layer.v1.tar`). */
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffID: Digest;
  /** Bytes of the uncompressed tar. */
  readonly uncompressedSize: number;
}

/** Something that a layer cannot hold and that was left out. */
export interface LayerWarning {
  /** Absolute path in the upper tree. */
  readonly path: string;
  /** A sentence without the path, for people. */
  readonly message: string;
}

/** Options of one comparison. All but those of {@link LayerOptions} change no byte of the layer. */
export interface DiffOptions extends LayerOptions, OperationOptions {
  /** Name of the ingest, default one that nobody else has. */
  readonly ref?: string | undefined;
  /** Blocks of the layer that were compressed before. Default none. */
  readonly blockCache?: BlockCache | undefined;
  /** Told of each thing that the layer cannot hold. */
  readonly onWarning?: ((warning: LayerWarning) => void) | undefined;
}

/** Makes layers of two trees: containerd's `diff.Comparer`. */
export interface Differ {
  /**
   * Writes the layer that turns `lower` (undefined: nothing) into `upper`, in one streaming pass: tar, diffID, compression, digest, ingest.
   * If the store has the blob already, that one is used.
   */
  compare(lower: Tree | undefined, upper: Tree, options?: DiffOptions): Promise<Layer>;
  /**
   * Writes the layer of these entries, in the same way. They have to be those of {@link layerEntries} for two trees; if they turn out not
   * to be, an error of theirs ends the layer, and nothing remains of it. Options about differences have no effect. A differ may be
   * without it.
   */
  write?(entries: AsyncIterable<TarInput>, options?: DiffOptions): Promise<Layer>;
}
