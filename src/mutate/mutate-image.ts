import { hasBlob } from "../archive/copy.ts";
import { SlipwayError } from "../errors.ts";
import type { ImageConfigOptions } from "../exporter/config.ts";
import { timestamp } from "../exporter/config-values.ts";
import { baseHistory, chainHistory } from "../exporter/history.ts";
import { exportedLayerType } from "../exporter/layer-media-types.ts";
import { runtimeConfig } from "../exporter/runtime-config.ts";
import type { ImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { isDockerType, isIndex, isLayer } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { matchPlatform } from "../oci/platform-match.ts";
import { type AnnotationChanges, annotate } from "./annotate.ts";
import type { GatheredContent } from "./gathered-content.ts";
import type { MutatedImage, MutateOptions, OriginalImage } from "./image.ts";
import { type ChangedParts, type ImageParts, rewriteImage } from "./rewrite.ts";

/** A layer that is put on top of an image. A `Layer` of `createDiffer` or `createLayer` is one. */
export interface AppendedLayer {
  /** The blob, which the store or the image's own content has. */
  readonly descriptor: Descriptor;
  /** Digest of its uncompressed tar. */
  readonly diffID: Digest;
}

/** What is changed of an image. */
export interface ImageChanges {
  /**
   * What the config is to say, in the words of the exporter, over what it says: what is not mentioned stays, fields that nobody knows
   * too, and no defaults are set. `history` has the entries of the appended layers, and those of steps without a layer.
   * Or a function that gives another config, which can also take something out; layers and history are seen to afterwards.
   */
  readonly config?: ImageConfigOptions | ((config: ImageConfig, platform: Platform) => ImageConfig) | undefined;
  /** Of manifests. `undefined` removes one. */
  readonly annotations?: AnnotationChanges | undefined;
  /** Of the index. `undefined` removes one. */
  readonly indexAnnotations?: AnnotationChanges | undefined;
  /** Put on top, the first one first. */
  readonly layers?: readonly AppendedLayer[] | undefined;
  /** Of an index: only images for one of these platforms are changed. Default all. */
  readonly platforms?: readonly Platform[] | undefined;
}

/**
 * Makes an image that differs from another in its config, its annotations, and by layers on top: what `crane mutate` and
 * `crane append` do. Nothing is run or unpacked, and no layer is read: layers stay the blobs that they are. The same changes to the
 * same image give the same digest; no changes give the image itself.
 *
 * Of an index each image is changed, and the index names the changed ones in their places. Attestations of an image that was
 * changed are left out with a warning, for they speak of another; all else that the index names stays.
 * @throws SlipwayError `INVALID_ARGUMENT` naming the field of the config, for an annotation of an index where there is none, or if it is
 *   no image; `NOT_FOUND` for a platform that there is not, or a layer that neither store nor image has; `INVALID_DOCUMENT`,
 *   `AMBIGUOUS_DOCUMENT`, `DIGEST_MISMATCH`, `SIZE_MISMATCH` for documents that are not what they should be; what the stores throw
 */
export async function mutateImage(
  image: OriginalImage,
  changes: ImageChanges,
  options: MutateOptions,
): Promise<MutatedImage> {
  const { digest, mediaType } = image.descriptor;
  const { indexAnnotations, platforms, layers = [] } = changes;
  if (indexAnnotations !== undefined && !isIndex(mediaType)) {
    const reason = "it is an image of one platform and has no index";
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot annotate the index of ${digest}: ${reason}`);
  }
  let count = 0;
  const change = async (parts: ImageParts, content: GatheredContent): Promise<ChangedParts | undefined> => {
    if (platforms !== undefined && !platforms.some((wanted) => suits(wanted, parts.platform))) return undefined;
    count++;
    if (count === 1) await checkAppended(layers, content);
    return changedParts(parts, changes);
  };
  const mutated = await rewriteImage(
    image,
    {
      image: change,
      ...(indexAnnotations && { indexAnnotations: (annotations) => annotate(annotations, indexAnnotations) }),
    },
    options,
    "changing",
  );
  if (count === 0 && platforms !== undefined) {
    const wanted = platforms.map(formatPlatform).join(", ");
    throw new SlipwayError(
      "NOT_FOUND",
      `Cannot change image ${digest} for ${wanted}: it is for none of these platforms`,
    );
  }
  return mutated;
}

const suits = (wanted: Platform, platform: Platform): boolean =>
  matchPlatform(wanted, platform, { strict: true }) !== undefined;

async function checkAppended(layers: readonly AppendedLayer[], content: GatheredContent): Promise<void> {
  for (const { descriptor } of layers) {
    if (!isLayer(descriptor.mediaType)) {
      const reason = `${JSON.stringify(descriptor.mediaType)} is not the media type of a layer`;
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot append ${descriptor.digest}: ${reason}`);
    }
    if (await hasBlob(content, descriptor)) continue;
    throw new SlipwayError("NOT_FOUND", `Cannot append layer ${descriptor.digest}: neither store nor image has it`);
  }
}

function changedParts({ manifest, config, platform }: ImageParts, changes: ImageChanges): ChangedParts {
  const { layers = [], annotations = {} } = changes;
  const { annotations: annotated, ...fields } = manifest;
  const wanted = annotate(annotated, annotations);
  const isOci = !isDockerType(manifest.mediaType ?? manifest.config.mediaType);
  const appended = layers.map(({ descriptor: { mediaType, digest, size } }) => ({
    mediaType: exportedLayerType(mediaType, isOci),
    digest,
    size,
  }));
  const next: Manifest = {
    ...fields,
    layers: [...manifest.layers, ...appended],
    ...(wanted && { annotations: wanted }),
  };
  return { manifest: next, config: changedConfig(config, platform, changes) };
}

function changedConfig(config: ImageConfig, platform: Platform, changes: ImageChanges): ImageConfig {
  const { layers = [], config: wanted = {} } = changes;
  const options = typeof wanted === "function" ? {} : wanted;
  const changed = typeof wanted === "function" ? wanted(config, platform) : withOptions(config, options);
  const diffIDs = config.rootfs.diff_ids;
  const rootfs = { ...config.rootfs, diff_ids: [...diffIDs, ...layers.map(({ diffID }) => diffID)] };
  if (layers.length === 0 && options.history === undefined) return { ...changed, rootfs };
  const created = options.created === undefined ? undefined : timestamp("created", options.created);
  const history = [
    ...baseHistory(changed.history, diffIDs.length),
    ...chainHistory(
      options.history,
      layers.map(() => true),
      created,
    ),
  ];
  return { ...changed, rootfs, history };
}

function withOptions(config: ImageConfig, options: ImageConfigOptions): ImageConfig {
  const { created, author } = options;
  const { config: before, ...fields } = config;
  const runtime = runtimeConfig(before, options, config.os, false);
  const isAbsent = before === undefined && Object.values(runtime).every((value) => value === undefined);
  return {
    ...fields,
    ...(created === undefined ? {} : { created: timestamp("created", created) }),
    ...(author === undefined ? {} : { author }),
    ...(isAbsent ? {} : { config: runtime }),
  };
}
