import { readBlobBytes } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseIndex } from "../oci/image-index.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isConfig, isIndex, isManifest } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";

/** A manifest of an image, with what it stands for. */
export interface ImageManifest {
  /** The manifest itself, as the index names it. */
  readonly descriptor: Descriptor;
  /** The image config, or whatever blob an artifact has in its place. */
  readonly config: Descriptor;
  /** From the base up. */
  readonly layers: readonly Descriptor[];
  /** As the index has it, or else the config; absent for what is not an image. Attestations have `unknown/unknown`. */
  readonly platform?: Platform;
  /** From the config, one for each layer from the base up; absent for what is not an image. */
  readonly diffIDs?: readonly Digest[];
}

/** All that an image consists of. */
export interface ImageGraph {
  /** The manifest or index that was asked for. */
  readonly root: Descriptor;
  /** In the order in which indexes name them. */
  readonly manifests: readonly ImageManifest[];
  /** Indexes, manifests and configs, each once and after what names it. */
  readonly documents: readonly Descriptor[];
  /** All other blobs, each once: the layers of each manifest from the base up, and whatever else is named. */
  readonly layers: readonly Descriptor[];
  /** What indexes name and was passed over. */
  readonly excluded: readonly Descriptor[];
}

/** Options of {@link readGraph}. */
export interface ReadGraphOptions {
  /** Which of the manifests and indexes that an index names are looked at. Default all. */
  readonly include?: ((descriptor: Descriptor) => boolean | Promise<boolean>) | undefined;
  /** Looked at before every document; aborting it makes the reading reject with its `reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** An index in an index, and so on: images have one or two. */
const DEPTH_LIMIT = 4;
/** Blobs in one image: far more than any has, and too few to be a burden. */
const BLOB_LIMIT = 20_000;
/** MiB of all its documents: some kilobytes for each platform are usual. */
const DOCUMENTS_LIMIT = 128;

/**
 * Reads the documents of an image, each verified, and finds every blob that it names. Layers are neither read nor looked for.
 * @throws SlipwayError `NOT_FOUND` for a document that is missing, `DIGEST_MISMATCH`, `SIZE_MISMATCH` (also for a document of
 *   more than 4 MiB), `INVALID_DOCUMENT`, `AMBIGUOUS_DOCUMENT` (also if a blob is named as two kinds of document)
 */
export async function readGraph(
  content: ContentProvider,
  root: Descriptor,
  options: ReadGraphOptions = {},
): Promise<ImageGraph> {
  const reader = new GraphReader(content, root, options);
  await reader.visit(root, 0);
  return reader.graph;
}

type Kind = "index" | "manifest" | "config" | "blob";

class GraphReader {
  readonly #content: ContentProvider;
  readonly #root: Descriptor;
  readonly #options: ReadGraphOptions;
  readonly #seen = new Map<Digest, { readonly kind: Kind; readonly size: number }>();
  readonly #manifests: ImageManifest[] = [];
  readonly #documents: Descriptor[] = [];
  readonly #layers: Descriptor[] = [];
  readonly #excluded: Descriptor[] = [];
  #bytes = 0;

  constructor(content: ContentProvider, root: Descriptor, options: ReadGraphOptions) {
    this.#content = content;
    this.#root = root;
    this.#options = options;
  }

  get graph(): ImageGraph {
    return {
      root: this.#root,
      manifests: this.#manifests,
      documents: this.#documents,
      layers: this.#layers,
      excluded: this.#excluded,
    };
  }

  async visit(descriptor: Descriptor, depth: number): Promise<void> {
    if (depth > DEPTH_LIMIT) throw this.#invalid(`its indexes are nested more than ${DEPTH_LIMIT} deep`);
    if (isIndex(descriptor.mediaType)) {
      if (this.#isNew(descriptor, "index")) await this.#visitIndex(descriptor, depth);
    } else if (isManifest(descriptor.mediaType)) {
      if (this.#isNew(descriptor, "manifest")) await this.#visitManifest(descriptor);
    } else if (depth === 0) {
      throw this.#invalid(`${JSON.stringify(descriptor.mediaType)} is neither a manifest nor an index`);
    } else {
      // An index may name anything; what is not known is a blob like any other.
      this.#isNew(descriptor, "blob");
    }
  }

  async #visitIndex(descriptor: Descriptor, depth: number): Promise<void> {
    const { include } = this.#options;
    const index = parseIndex(await this.#read(descriptor), `index ${descriptor.digest}`, descriptor.mediaType);
    for (const child of index.manifests) {
      if (include === undefined || (await include(child))) await this.visit(child, depth + 1);
      else if (this.#excluded.push(child) > BLOB_LIMIT) {
        throw this.#invalid(`its indexes name more than ${BLOB_LIMIT} others`);
      }
    }
  }

  async #visitManifest(descriptor: Descriptor): Promise<void> {
    const what = `manifest ${descriptor.digest}`;
    const { config, layers } = parseManifest(await this.#read(descriptor), what, descriptor.mediaType);
    const isImage = isConfig(config.mediaType);
    this.#isNew(config, isImage ? "config" : "blob");
    for (const layer of layers) this.#isNew(layer, "blob");
    const manifest = { descriptor, config, layers };
    if (!isImage) {
      this.#manifests.push(manifest);
      return;
    }
    const image = parseImageConfig(await this.#read(config), `config ${config.digest}`);
    const platform = descriptor.platform ?? platformOf(image);
    this.#manifests.push({ ...manifest, platform, diffIDs: diffIDsOf(image, descriptor, layers) });
  }

  /** Notes a blob. @returns false if it was there before */
  #isNew(descriptor: Descriptor, kind: Kind): boolean {
    const { digest, size } = descriptor;
    const before = this.#seen.get(digest);
    if (before === undefined) {
      if (this.#seen.size >= BLOB_LIMIT) throw this.#invalid(`it consists of more than ${BLOB_LIMIT} blobs`);
      this.#seen.set(digest, { kind, size });
      (kind === "blob" ? this.#layers : this.#documents).push(descriptor);
      return true;
    }
    if (before.size !== size) throw this.#invalid(`blob ${digest} is named with ${before.size} and with ${size} bytes`);
    if (before.kind !== kind) {
      throw new SlipwayError(
        "AMBIGUOUS_DOCUMENT",
        `Cannot read image ${this.#root.digest}: blob ${digest} is named as ${before.kind} and as ${kind}`,
      );
    }
    return false;
  }

  async #read(descriptor: Descriptor): Promise<Uint8Array> {
    this.#options.signal?.throwIfAborted();
    this.#bytes += descriptor.size;
    if (this.#bytes > DOCUMENTS_LIMIT * 1024 * 1024) {
      throw this.#invalid(`its documents have more than ${DOCUMENTS_LIMIT} MiB`);
    }
    return await readBlobBytes(this.#content, descriptor, { signal: this.#options.signal });
  }

  #invalid(reason: string): SlipwayError {
    return new SlipwayError("INVALID_DOCUMENT", `Cannot read image ${this.#root.digest}: ${reason}`);
  }
}

function platformOf({ architecture, os, variant, ...more }: ImageConfig): Platform {
  const version = more["os.version"];
  const features = more["os.features"];
  return {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
  };
}

/** The config's diffIDs, which an image with other layers than those does not have. */
function diffIDsOf(image: ImageConfig, manifest: Descriptor, layers: readonly Descriptor[]): readonly Digest[] {
  const diffIDs = image.rootfs.diff_ids;
  if (diffIDs.length !== layers.length) {
    throw new SlipwayError(
      "INVALID_DOCUMENT",
      `Cannot read manifest ${manifest.digest}: it has ${layers.length} layers, but its config ${diffIDs.length} diff_ids`,
    );
  }
  return diffIDs;
}
