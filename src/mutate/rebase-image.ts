import { platformManifest } from "../archive/platform-manifest.ts";
import { readBlobBytes } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { ANNOTATION_KEYS, type Annotations } from "../oci/annotations.ts";
import { type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { parseIndex } from "../oci/image-index.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { isConfig, isDockerType, isIndex, isManifest, toDockerType, toOciType } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import { annotate } from "./annotate.ts";
import type { GatheredContent } from "./gathered-content.ts";
import type { MutatedImage, MutateOptions, OriginalImage } from "./image.ts";
import { mergeConfig } from "./merge-config.ts";
import { rebaseHistory } from "./rebase-history.ts";
import { type ChangedParts, type ImageParts, rewriteImage } from "./rewrite.ts";

/** What is put on what. */
export interface Rebase {
  /** Manifest or index of what is to have another base. */
  readonly image: OriginalImage;
  /** What it is based on now; an index or one platform's manifest. `scratch`: on nothing. */
  readonly oldBase: OriginalImage | "scratch";
  /** What it is to be based on; an index or one platform's manifest. */
  readonly newBase: OriginalImage;
  /**
   * The new base's name, in any spelling, for the annotation `org.opencontainers.image.base.name`. Default: the annotation stays as it
   * is, for most bases are newer ones of the same name.
   */
  readonly newBaseName?: string | undefined;
}

/**
 * Puts an image's own layers onto another base, without building it anew and without reading any layer: what `crane rebase` does, for
 * indexes, too. It is right where what the image brings works with the new base as with the old one, as with a base's update.
 *
 * - **Layers**: those of the old base, of which the image must have the diffIDs, are replaced by the new base's; its own stay the
 *   very same blobs.
 * - **Config**: what the image has just as the old base has it (variables, labels, ports and volumes one by one; user, entrypoint and
 *   the like) comes from the new base, and what it has by itself stays, as if it were built anew. The platform is the new base's.
 *   (`crane rebase` keeps all of the old base's config.)
 * - **History**: the new base's, then the image's own.
 * - **Annotations**: `org.opencontainers.image.base.digest` becomes the digest of `newBase` as it is given, and `base.name` its name.
 *
 * Of an index each image goes onto the base's image for its platform. Attestations are left out with a warning, for they speak of
 * another image. Onto the base that it has, an image stays what it is but for the annotations.
 * @throws SlipwayError `FAILED_PRECONDITION` naming the first layer that the image does not share with `oldBase`, `NOT_FOUND` if a base
 *   has no image for the platform, `INVALID_ARGUMENT` if something is no image, `INVALID_REFERENCE`, `INVALID_DOCUMENT`,
 *   `AMBIGUOUS_DOCUMENT`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`; what the stores throw
 */
export async function rebaseImage(
  { image, oldBase, newBase, newBaseName }: Rebase,
  options: MutateOptions,
): Promise<MutatedImage> {
  const { digest } = newBase.descriptor;
  const name = newBaseName === undefined ? undefined : formatReference(parseReference(newBaseName));
  const annotations = {
    [ANNOTATION_KEYS.baseDigest]: digest,
    ...(name === undefined ? {} : { [ANNOTATION_KEYS.baseName]: name }),
  };
  const { signal } = options;
  const change = async (parts: ImageParts, content: GatheredContent): Promise<ChangedParts> => {
    const before = oldBase === "scratch" ? SCRATCH : await readBase(oldBase, parts.platform, "old base", signal);
    const after = await readBase(newBase, parts.platform, "new base", signal);
    checkBase(parts, before, oldBase);
    for (const layer of after.layers) content.place(layer.digest, newBase.content);
    for (const layer of parts.manifest.layers.slice(before.layers.length)) content.place(layer.digest, image.content);
    const { annotations: annotated, ...rest } = rebased(parts, before, after);
    return {
      manifest: { ...rest.manifest, ...withAnnotations(annotate(annotated, annotations)) },
      config: rest.config,
    };
  };
  const indexAnnotations = (annotated: Annotations | undefined): Annotations | undefined =>
    annotated?.[ANNOTATION_KEYS.baseDigest] === undefined ? annotated : annotate(annotated, annotations);
  return await rewriteImage(image, { image: change, indexAnnotations }, options, "rebasing");
}

const withAnnotations = (annotations: Annotations | undefined): { readonly annotations?: Annotations } =>
  annotations === undefined ? {} : { annotations };

/** A base for one platform. */
interface Base {
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
  /** Of the manifest; undefined for nothing at all. */
  readonly digest: Digest | undefined;
}

const SCRATCH: Base = {
  layers: [],
  config: { architecture: "", os: "", rootfs: { type: "layers", diff_ids: [] } },
  digest: undefined,
};

async function readBase(
  { content, descriptor }: OriginalImage,
  platform: Platform,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Base> {
  const found = await platformManifest(content, descriptor, platform, `${what} ${descriptor.digest}`, { signal });
  const { manifest, config } = await readImage(content, found, what, signal);
  return { layers: manifest.layers, config, digest: found.digest };
}

async function readImage(
  content: ContentProvider,
  descriptor: Descriptor,
  what: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly manifest: Manifest; readonly config: ImageConfig }> {
  const { digest, mediaType } = descriptor;
  const bytes = await readBlobBytes(content, descriptor, { signal });
  const manifest = parseManifest(bytes, `manifest ${digest} of the ${what}`, mediaType);
  if (!isConfig(manifest.config.mediaType)) {
    const reason = `its config is ${manifest.config.mediaType}, which is not that of an image`;
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot use ${digest} as ${what}: ${reason}`);
  }
  const config = parseImageConfig(
    await readBlobBytes(content, manifest.config, { signal }),
    `config ${manifest.config.digest} of the ${what}`,
  );
  const count = config.rootfs.diff_ids.length;
  if (count !== manifest.layers.length) {
    const reason = `it has ${manifest.layers.length} layers, but its config ${count} diff_ids`;
    throw new SlipwayError("INVALID_DOCUMENT", `Cannot use ${digest} as ${what}: ${reason}`);
  }
  return { manifest, config };
}

/** By diffID: a base that was compressed anew is the same base. */
function checkBase({ descriptor, config, platform }: ImageParts, base: Base, oldBase: Rebase["oldBase"]): void {
  const name = oldBase === "scratch" ? oldBase : oldBase.descriptor.digest;
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError(
      "FAILED_PRECONDITION",
      `Cannot rebase ${descriptor.digest} (${formatPlatform(platform)}): it is not based on ${name}, ${reason}`,
    );
  const own = config.rootfs.diff_ids;
  for (const [at, diffID] of base.config.rootfs.diff_ids.entries()) {
    const actual = own[at];
    if (actual === diffID) continue;
    const layer = `layer ${at + 1} of that is ${diffID}`;
    throw refuse(actual === undefined ? `which has more layers: ${layer}` : `as ${layer}, and its own is ${actual}`);
  }
}

function rebased(
  { manifest, config }: ImageParts,
  before: Base,
  after: Base,
): ChangedParts & { readonly annotations: Annotations | undefined } {
  const { annotations, ...fields } = manifest;
  const count = before.layers.length;
  // The base that it has already: what is as it was need not be put together again.
  if (before.digest !== undefined && before.digest === after.digest) return { manifest: fields, config, annotations };
  const toType = isDockerType(manifest.mediaType ?? manifest.config.mediaType) ? toDockerType : toOciType;
  const layers = [
    ...after.layers.map((layer) => ({ ...layer, mediaType: toType(layer.mediaType) })),
    ...manifest.layers.slice(count),
  ];
  const own = config.rootfs.diff_ids.slice(count);
  const { history: _history, ...merged } = mergeConfig(before.config, config, after.config);
  const history = rebaseHistory(
    { history: config.history, layers: manifest.layers.length },
    { history: before.config.history, layers: count },
    { history: after.config.history, layers: after.layers.length },
  );
  const next: ImageConfig = {
    ...merged,
    rootfs: { ...config.rootfs, diff_ids: [...after.config.rootfs.diff_ids, ...own] },
    ...(history === undefined ? {} : { history }),
  };
  return { manifest: { ...fields, layers }, config: next, annotations };
}

/** What an image says of its base. */
export interface BaseAnnotations {
  /** `docker.io/library/debian:stable-slim`. */
  readonly name?: string;
  /** Of a manifest or an index. */
  readonly digest?: Digest;
}

/**
 * What an image says of its base: the annotations `org.opencontainers.image.base.name` and `base.digest` of a manifest, or of an index or
 * else of the first of its images that has them. `NAME` without its tag, with the digest, is what `rebaseImage` wants as old base.
 * @throws SlipwayError `INVALID_DIGEST` if the annotation is none, and as `readGraph`
 */
export async function readBaseAnnotations(
  { content, descriptor }: OriginalImage,
  options: Pick<OperationOptions, "signal"> = {},
): Promise<BaseAnnotations> {
  const { digest, mediaType } = descriptor;
  const bytes = await readBlobBytes(content, descriptor, { signal: options.signal });
  if (!isIndex(mediaType)) return baseAnnotations(parseManifest(bytes, `manifest ${digest}`, mediaType).annotations);
  const index = parseIndex(bytes, `index ${digest}`, mediaType);
  const own = baseAnnotations(index.annotations);
  if (own.digest !== undefined || own.name !== undefined) return own;
  for (const child of index.manifests) {
    if (!isManifest(child.mediaType) || child.platform?.os === "unknown") continue;
    const found = await readBaseAnnotations({ content, descriptor: child }, options);
    if (found.digest !== undefined || found.name !== undefined) return found;
  }
  return {};
}

function baseAnnotations(annotations: Annotations = {}): BaseAnnotations {
  const { [ANNOTATION_KEYS.baseName]: name, [ANNOTATION_KEYS.baseDigest]: digest } = annotations;
  if (digest !== undefined && !isDigest(digest)) {
    const shown = JSON.stringify(digest.slice(0, 200));
    throw new SlipwayError("INVALID_DIGEST", `Cannot find the base: ${ANNOTATION_KEYS.baseDigest} is ${shown}`);
  }
  return { ...(name === undefined ? {} : { name }), ...(digest === undefined ? {} : { digest }) };
}
