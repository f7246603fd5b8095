import { isRunnable } from "../archive/resolve.ts";
import { bytesEqual } from "../bytes.ts";
import { readBlobBytes } from "../content/read.ts";
import { SlipwayError } from "../errors.ts";
import { writeDocument } from "../exporter/documents.ts";
import type { Annotations } from "../oci/annotations.ts";
import { type ImageConfig, parseImageConfig, serialiseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Index, parseIndex, serialiseIndex } from "../oci/image-index.ts";
import { type Manifest, parseManifest, serialiseManifest } from "../oci/manifest.ts";
import { isConfig, isIndex, isManifest } from "../oci/media-types.ts";
import { formatPlatform, normalisePlatform, type Platform } from "../oci/platform.ts";
import { runStep } from "../progress.ts";
import { GatheredContent } from "./gathered-content.ts";
import type { MutatedImage, MutateOptions, OriginalImage } from "./image.ts";

/** One image of one platform, its documents read. */
export interface ImageParts {
  /** The manifest's. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** As the index has it, or else the config. */
  readonly platform: Platform;
}

/** What becomes of an image: manifest and config; which config blob the manifest names is of no account. */
export type ChangedParts = Pick<ImageParts, "manifest" | "config">;

/** How an image is rewritten. */
export interface Rewriting {
  /** Called for each image of a platform, once. @returns undefined if it stays as it is */
  readonly image: (parts: ImageParts, content: GatheredContent) => Promise<ChangedParts | undefined>;
  /** Called for each index that is not in another. */
  readonly indexAnnotations?: ((annotations: Annotations | undefined) => Annotations | undefined) | undefined;
}

/** An index in an index, and so on. */
const DEPTH_LIMIT = 4;

/** BuildKit's: which manifest an attestation is about. */
const ATTESTED = "vnd.docker.reference.digest";

/**
 * Makes an image of another, manifest by manifest. What does not change keeps its bytes, and so its digest, whoever wrote it.
 * @param doing completes "Cannot …" in messages: `mutate`
 */
export async function rewriteImage(
  image: OriginalImage,
  rewriting: Rewriting,
  options: MutateOptions,
  doing: string,
): Promise<MutatedImage> {
  const { signal, onProgress, hasher, content: store } = options;
  signal?.throwIfAborted();
  const content = new GatheredContent(store, image.content, hasher);
  const step = `${doing} image ${image.descriptor.digest}`;
  return await runStep(onProgress, { id: step, name: step }, async () => {
    const rewriter = new Rewriter(content, rewriting, options);
    const descriptor = await rewriter.visit(image.descriptor, 0);
    return { content, descriptor };
  });
}

class Rewriter {
  readonly #content: GatheredContent;
  readonly #rewriting: Rewriting;
  readonly #options: MutateOptions;
  /** What became of each manifest and index: one may be named several times. */
  readonly #done = new Map<Digest, Descriptor>();

  constructor(content: GatheredContent, rewriting: Rewriting, options: MutateOptions) {
    this.#content = content;
    this.#rewriting = rewriting;
    this.#options = options;
  }

  async visit(descriptor: Descriptor, depth: number): Promise<Descriptor> {
    if (depth > DEPTH_LIMIT) {
      const reason = `indexes are nested more than ${DEPTH_LIMIT} deep`;
      throw new SlipwayError("INVALID_DOCUMENT", `Cannot change index ${descriptor.digest}: ${reason}`);
    }
    const known = this.#done.get(descriptor.digest);
    if (known !== undefined) return moved(descriptor, known);
    const { mediaType } = descriptor;
    let changed = descriptor;
    if (isIndex(mediaType)) changed = await this.#index(descriptor, depth);
    else if (isManifest(mediaType)) changed = await this.#manifest(descriptor, depth);
    else if (depth === 0) {
      const reason = `${JSON.stringify(mediaType)} is neither a manifest nor an index`;
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot change ${descriptor.digest}: ${reason}`);
    }
    this.#done.set(descriptor.digest, changed);
    return changed;
  }

  async #index(descriptor: Descriptor, depth: number): Promise<Descriptor> {
    const bytes = await this.#read(descriptor);
    const index = parseIndex(bytes, `index ${descriptor.digest}`, descriptor.mediaType);
    const children: Descriptor[] = [];
    const replaced = new Set<string>();
    for (const child of index.manifests) {
      const changed = await this.visit(child, depth + 1);
      if (changed.digest !== child.digest) replaced.add(child.digest);
      children.push(changed);
    }
    const kept = children.filter((child) => !this.#isOutdated(child, replaced));
    const { annotations, ...fields } = index;
    const wanted = depth === 0 ? (this.#rewriting.indexAnnotations ?? same)(annotations) : annotations;
    const next: Index = { ...fields, manifests: kept, ...(wanted && { annotations: wanted }) };
    const [before, after] = [serialiseIndex(index), serialiseIndex(next)];
    if (bytesEqual(before, after)) return descriptor;
    return moved(descriptor, await this.#write("manifest list", descriptor.mediaType, after, kept));
  }

  /** An attestation says something of a digest, and does not hold for another. */
  #isOutdated({ annotations, digest }: Descriptor, replaced: ReadonlySet<string>): boolean {
    const attested = annotations?.[ATTESTED];
    if (attested === undefined || !replaced.has(attested)) return false;
    this.#options.onWarning?.(`attestation ${digest} is left out: it is about ${attested}, which was changed`);
    return true;
  }

  async #manifest(descriptor: Descriptor, depth: number): Promise<Descriptor> {
    const { digest, mediaType } = descriptor;
    // Attestations, which indexes call `unknown/unknown`, need not be read.
    if (descriptor.platform !== undefined && !isRunnable(descriptor.platform)) return descriptor;
    const manifest = parseManifest(await this.#read(descriptor), `manifest ${digest}`, mediaType);
    if (!isConfig(manifest.config.mediaType)) {
      if (depth > 0) return descriptor;
      const reason = `its config is ${manifest.config.mediaType}, which is not that of an image`;
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot change ${digest}: ${reason}`);
    }
    const config = parseImageConfig(await this.#read(manifest.config), `config ${manifest.config.digest}`);
    checkLayers(descriptor, manifest, config);
    const platform = descriptor.platform ?? platformOf(config);
    if (!isRunnable(platform)) return descriptor;
    const parts = { descriptor, manifest, config, platform };
    const changed = await this.#rewriting.image(parts, this.#content);
    if (changed === undefined) return descriptor;
    checkLayers(descriptor, changed.manifest, changed.config);
    return await this.#writeImage(parts, changed);
  }

  async #writeImage({ descriptor, manifest, config }: ImageParts, changed: ChangedParts): Promise<Descriptor> {
    const [configBefore, configAfter] = [serialiseImageConfig(config), serialiseImageConfig(changed.config)];
    let named = manifest.config;
    if (!bytesEqual(configBefore, configAfter)) {
      named = moved(manifest.config, await this.#write("config", manifest.config.mediaType, configAfter, []));
    }
    const next: Manifest = { ...changed.manifest, config: named };
    const [before, after] = [serialiseManifest(manifest), serialiseManifest(next)];
    if (bytesEqual(before, after)) return descriptor;
    const written = await this.#write("manifest", descriptor.mediaType, after, [named, ...next.layers]);
    const result = moved(descriptor, written);
    const isOther = nameOf(config) !== nameOf(changed.config);
    return isOther && result.platform !== undefined ? { ...result, platform: platformOf(changed.config) } : result;
  }

  async #read(descriptor: Descriptor): Promise<Uint8Array> {
    this.#options.signal?.throwIfAborted();
    return await readBlobBytes(this.#content, descriptor, { signal: this.#options.signal });
  }

  async #write(
    what: string,
    mediaType: string,
    bytes: Uint8Array,
    children: readonly Descriptor[],
  ): Promise<Descriptor> {
    const { content, hasher, signal, onProgress } = this.#options;
    return await writeDocument(what, mediaType, bytes, children, { content, hasher, signal, onProgress });
  }
}

const same = (annotations: Annotations | undefined): Annotations | undefined => annotations;

/** The same entry for another document. Bytes that were embedded, and other places for them, are those of the old one. */
function moved(entry: Descriptor, { digest, size }: Descriptor): Descriptor {
  if (entry.digest === digest) return entry;
  const { data: _data, urls: _urls, ...kept } = entry;
  return { ...kept, digest, size };
}

const nameOf = (config: ImageConfig): string => formatPlatform(normalisePlatform(platformOf(config)));

function platformOf({ architecture, os, variant, ...more }: ImageConfig): Platform {
  const { "os.version": version, "os.features": features } = more;
  return {
    architecture,
    os,
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
    ...(variant === undefined ? {} : { variant }),
  };
}

/** Manifest and config must agree on how many layers there are. */
function checkLayers({ digest }: Descriptor, { layers }: Manifest, { rootfs }: ImageConfig): void {
  const count = rootfs.diff_ids.length;
  if (count === layers.length) return;
  throw new SlipwayError(
    "INVALID_DOCUMENT",
    `Cannot change manifest ${digest}: it has ${layers.length} layers, but its config ${count} diff_ids`,
  );
}
