import type { CompressPool } from "../compress/compress-pool.ts";
import type { GzipEngine } from "../compress/gzip.ts";
import type { LeaseManager } from "../content/leases.ts";
import type { ContentStore } from "../content/store.ts";
import type { Differ, LayerCompression } from "../diff/differ.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { OperationOptions } from "../progress.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import type { Ref, Snapshotter, WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { LayerBlockCache } from "./block-cache.ts";
import type { BaseImage, ImageConfigOptions } from "./config.ts";
import type { FlightControl } from "./flight-control.ts";
import type { ImagePusher, PushedImage } from "./image-pusher.ts";
import type { MadeLayer } from "./layer-making.ts";

/** What an exporter works with. */
export interface ExporterStores {
  /** Where files are read from, and where layers and documents go. */
  readonly content: ContentStore;
  /** Where the parents of an exported ref are found. */
  readonly snapshots: Snapshotter;
  /** Without it images are exported by digest, and `name` is an error unless the image is pushed. */
  readonly images?: ImageStore | undefined;
  /**
   * Leases of the stores: each export holds one until the image has its names, so that a garbage collection at the same time takes nothing
   * that the image needs. Default: none, for stores in which nothing is collected meanwhile.
   */
  readonly leases?: LeaseManager | undefined;
  /** Who pushes, for the option `push`: `createRegistry()` of `slipway/registry`. Without it that option is an error. */
  readonly pusher?: ImagePusher | undefined;
  /** Where the ref → blob map is kept. Default: in memory, for the life of the exporter. */
  readonly metadata?: MetadataStore | undefined;
  /** Who compresses: `createCompressPool()` of `slipway/node`, `slipway/deno` or `slipway/browser`. Default: this thread. It stays open. */
  readonly compressPool?: CompressPool | undefined;
  /**
   * Blocks of layers that were compressed before: a layer in which few files changed is compressed anew only around them. Default:
   * `createBlockCache({ content, metadata })` if there is a `metadata`, and none otherwise. `false`: none.
   */
  readonly blockCache?: LayerBlockCache | false | undefined;
  /** Default: `createDiffer({ content, hasher, compressPool })`. */
  readonly differ?: Differ | undefined;
  /** Default: the content store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Keeps layers from being made twice at the same time. Default: among the exports of this exporter. Share it among exporters on the same `content` only. */
  readonly flights?: FlightControl<MadeLayer> | undefined;
}

/** BuildKit's exporter keys in camelCase. `resolve` takes the same as strings under BuildKit's own spelling (`oci-mediatypes`). */
export interface ExporterOptions {
  /** One or several image references, also comma separated. */
  readonly name?: string | readonly string[] | undefined;
  /** Of new layers, default `gzip`; base layers keep theirs unless `forceCompression` is set. */
  readonly compression?: LayerCompression | undefined;
  /** gzip 0 … 9, default 6. Another level gives other bytes. */
  readonly compressionLevel?: number | undefined;
  /** Who makes the gzip of new layers: `slipway` (default) or `fflate`. Another engine gives other bytes. */
  readonly compressionEngine?: GzipEngine | undefined;
  /** Compresses base layers anew if they are compressed otherwise. */
  readonly forceCompression?: boolean | undefined;
  /** OCI media types (default) or Docker's. */
  readonly ociMediatypes?: boolean | undefined;
  /** Keys in BuildKit's grammar: `annotation.KEY`, `annotation-manifest.KEY`, `annotation[linux/amd64].KEY`, `annotation-index.KEY`, `annotation-manifest-descriptor.KEY`, … */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number | undefined;
  /** Also clamps the times inside of base layers, which rewrites them. */
  readonly rewriteTimestamp?: boolean | undefined;
  /** Adds the name `NAME@DIGEST`. */
  readonly nameCanonical?: boolean | undefined;
  /** Adds the name `PREFIX@DIGEST`. */
  readonly danglingNamePrefix?: string | undefined;
  /** Adds that name only to an image that has no other. */
  readonly danglingNameEmptyOnly?: boolean | undefined;
  /** Whether names go to the image store. Default true; nothing is named without it. An image that is named there has all its layers in `content`. */
  readonly store?: boolean | undefined;
  /** Pushes the image under each name, after it was exported and named. Default false. */
  readonly push?: boolean | undefined;
  /** Pushes by digest only and sets no tags: names have none, and the image's become `NAME@DIGEST`. Default false. */
  readonly pushByDigest?: boolean | undefined;
  /** Allows plain http and unverified certificates to registries that are not on loopback. BuildKit's `registry.insecure`. Default false. */
  readonly registryInsecure?: boolean | undefined;
  /** Whether a file of which only the mtime changed is shipped. Default true, as containerd does. */
  readonly mtimeChanges?: boolean | undefined;
  /** Which xattrs go into layers, by full name. Default all. */
  readonly xattrs?: ((name: string) => boolean) | undefined;
  /** Called with one sentence for each option that nobody knows, and for what a layer had to leave out. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What is exported: one ref, or one per platform. A platform with `undefined` as its ref is an image without own layers. */
export type ExportSource = Ref | undefined | readonly PlatformSource[];

/** One platform of a multi-platform image. */
export interface PlatformSource {
  /** Goes into the config and the index; each platform may come once. */
  readonly platform: Platform;
  /** Without it the image has only the base's layers. */
  readonly ref?: Ref | undefined;
  /** Default: the one of {@link ExportOptions}. */
  readonly config?: ImageConfigOptions | undefined;
  /** An image for this platform whose layers and config come first. */
  readonly base?: BaseImage | undefined;
}

/** What decides an image besides its layers. */
export interface ExportOptions extends OperationOptions {
  /** What the image's config says. Default: the base's, or else only `PATH` and `/` as the working directory. */
  readonly config?: ImageConfigOptions | undefined;
  /** Default `linux/amd64`. With a base: the base's. */
  readonly platform?: Platform | undefined;
  /** An image whose layers and config come first. The ref's chain ends on the snapshot `base.ref`, if it has one. */
  readonly base?: BaseImage | undefined;
}

/** One manifest of an exported image. */
export interface ExportedManifest {
  /** The manifest, with its platform and its own annotations, as the index names it. */
  readonly descriptor: Descriptor;
  /** The config; its digest is what Docker calls the image ID. */
  readonly config: Descriptor;
  /** As it stands in the config. */
  readonly platform: Platform;
  /** From the base up: the base's, then one for each ref that changed something. */
  readonly layers: readonly ExportedLayer[];
}

/** A layer of an exported image. */
export interface ExportedLayer {
  /** The layer's blob, as the manifest names it. */
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar, as in the config. */
  readonly diffID: Digest;
  /** The blob was there before this export, in the content store or at the base's registry. */
  readonly cached: boolean;
  /** A layer of the base that was left at its registry: neither read nor stored. The image's `content` reads it from there. */
  readonly remote?: boolean;
}

/** An exported image: documents and layers are in `content`, those of a base that were left at its registry by reference. */
export interface ExportedImage {
  /** The manifest, or the index if a list of platforms was exported. */
  readonly descriptor: Descriptor;
  /** The same as `descriptor.digest`: of the manifest, or of the index. */
  readonly digest: Digest;
  /** Config digest; absent for an index. */
  readonly configDigest?: Digest;
  /** Normalised names, in the order they were given; `NAME@DIGEST` if it was pushed by digest. */
  readonly names: readonly string[];
  /** One for each platform, in the order of the source. */
  readonly manifests: readonly ExportedManifest[];
  /** BuildKit's exporter response: `containerimage.digest`, `containerimage.config.digest`, `containerimage.descriptor`, `image.name`. */
  readonly response: Readonly<Record<string, string>>;
  /**
   * Where the blobs are, for `writeArchive` and `push`: the exporter's store, and where layers of the base were left at their
   * registry, those too, read from there each time.
   */
  readonly content: ContentStore;
  /** What was pushed, one for each name. Empty without `push`. */
  readonly pushed: readonly PushedImage[];
}

/** The layer of a snapshot on nothing, written while files are put into the snapshot. */
export interface WritingAhead {
  /** To be written to in place of the snapshot. */
  readonly work: WritableSnapshot;
  /** Waits for the layer. If it is the one that the exporter would make of this ref, it makes none. Never fails. */
  finish(ref: Ref): Promise<void>;
  /** Ends the layer; nothing remains of it. Never fails, and does nothing after `finish`. */
  abandon(): Promise<void>;
}

/** An exporter with its options resolved. */
export interface ExporterInstance {
  /** `exporting to image` */
  readonly name: string;
  /**
   * Makes the layers that are not there yet, then config, manifest and, for a list of platforms, the index; then sets
   * the names, then pushes. Layers of a base whose provider is `remote` stay there, unless they have to be made over or the image
   * gets a name in the image store.
   * @throws SlipwayError `INVALID_ARGUMENT` naming the field of `config`, or for a list that is empty or has a platform
   *   twice; what the stores and the pusher throw
   */
  export(source: ExportSource, options?: ExportOptions): Promise<ExportedImage>;
  /**
   * Begins the layer of a snapshot that was prepared on nothing and has nothing in it yet: files that are written to what this returns
   * are read once, for the snapshot and for the layer, and compressed while the next ones are read. It changes no byte: the layer is
   * only used if it has turned out to be the snapshot's. Worth its while where entries come in the order of the layer, as those of
   * a directory do, and where contents are taken by reference.
   * @returns undefined where a layer cannot be written so, with `xattrs` or with a differ that has no `write`
   */
  writeAhead(work: WritableSnapshot, options?: OperationOptions): WritingAhead | undefined;
}

/** BuildKit's image exporter: resolve → export. */
export interface Exporter {
  /**
   * Checks options. Unknown keys are told to `onWarning`.
   * @throws SlipwayError `INVALID_OPTION` naming the option
   */
  resolve(options?: ExporterOptions | Readonly<Record<string, string>>): ExporterInstance;
}
