import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { formatPlatform, normalisePlatform, type Platform } from "../oci/platform.ts";
import type { Ref } from "../snapshots/snapshotter.ts";
import { annotationsFor, checkAnnotations } from "./annotations.ts";
import { type ReadBaseImage, readBaseImage } from "./base-image.ts";
import type { ImageConfigOptions } from "./config.ts";
import { type DocumentWriting, writeConfig, writeIndex, writeManifest } from "./documents.ts";
import { exportLayers, type ImageLayers, type LayerExporting } from "./export-layers.ts";
import type { ExportedImage, ExportedManifest, ExportOptions, ExportSource, PlatformSource } from "./exporter.ts";
import { imageConfig, imagePlatform } from "./image-config.ts";
import type { ImagePusher } from "./image-pusher.ts";
import { givenNames, imageNames, nameImage } from "./naming.ts";
import type { ResolvedOptions } from "./options.ts";
import { pushImage } from "./pushing.ts";
import { RemoteLayers } from "./remote-layers.ts";
import { exporterResponse } from "./response.ts";

/** What an export works with, beyond its options. */
export interface Exporting extends LayerExporting {
  readonly images: ImageStore | undefined;
  readonly pusher: ImagePusher | undefined;
  readonly hasher: HasherFactory | undefined;
}

/** One image of an export, ready to be made. */
interface Plan {
  readonly ref: Ref | undefined;
  readonly config: ImageConfigOptions;
  readonly platform: Platform;
  readonly base: ReadBaseImage | undefined;
}

/** One export from beginning to end: layers, config, manifest, index, names, push. */
export async function exportImage(
  exporting: Exporting,
  source: ExportSource,
  options: ResolvedOptions,
  given: ExportOptions,
): Promise<ExportedImage> {
  const { signal, onProgress } = given;
  signal?.throwIfAborted();
  const multiPlatform = isPlatformList(source);
  const plans = multiPlatform ? await planPlatforms(source, given) : [await planImage(source, given)];
  checkAnnotations(options.annotations, {
    platforms: plans.map(({ platform }) => platform),
    index: multiPlatform,
    ociMediatypes: options.ociMediatypes,
  });

  const sources = plans.map(({ ref, base, platform }) => {
    return { ref, base, label: multiPlatform ? `${formatPlatform(platform)} ` : "" };
  });
  const remote = new RemoteLayers(exporting.content, exporting.hasher);
  // An image that has a name in a store is whole there.
  const named = exporting.images !== undefined && options.store && imageNames(options, "").length > 0;
  const layers = await exportLayers({ ...exporting, remote: named ? undefined : remote }, sources, options, {
    signal,
    onProgress,
  });
  const writing: DocumentWriting = { ...exporting, ociMediatypes: options.ociMediatypes, signal, onProgress };
  const manifests: ExportedManifest[] = [];
  for (const [index, plan] of plans.entries()) {
    manifests.push(await exportManifest(plan, layers[index] ?? { base: [], chain: [] }, options, writing));
  }
  const single = multiPlatform ? undefined : manifests[0];
  const descriptor = single?.descriptor ?? (await exportIndex(manifests, options, writing));

  const names = imageNames(options, descriptor.digest);
  if (exporting.images && options.store) {
    await nameImage(exporting.images, names, descriptor, options, { signal, onProgress });
  }
  const { content } = remote;
  const pushed =
    exporting.pusher && options.push
      ? await pushImage(exporting.pusher, { content, descriptor }, options, { signal, onProgress })
      : [];
  return {
    descriptor,
    digest: descriptor.digest,
    ...(single && { configDigest: single.config.digest }),
    names: givenNames(options, descriptor.digest),
    manifests,
    response: exporterResponse(descriptor, single?.config.digest, names),
    content,
    pushed,
  };
}

/** Config and manifest of one image, whose layers are there. */
async function exportManifest(
  { config: wanted, platform, base }: Plan,
  layers: ImageLayers,
  options: ResolvedOptions,
  writing: DocumentWriting,
): Promise<ExportedManifest> {
  const { annotations, sourceDateEpoch, rewriteTimestamp } = options;
  const config = await writeConfig(
    imageConfig({
      platform,
      options: wanted,
      base: base?.config,
      baseDiffIDs: layers.base.map(({ diffID }) => diffID),
      chainDiffIDs: layers.chain.map((layer) => layer?.diffID),
      sourceDateEpoch,
      rewriteTimestamp,
    }),
    writing,
  );
  const all = [...layers.base, ...layers.chain.filter((layer) => layer !== undefined)];
  const manifest = await writeManifest(
    config,
    all.map(({ descriptor }) => descriptor),
    annotationsFor(annotations, "manifest", platform),
    writing,
  );
  return {
    descriptor: {
      ...manifest,
      ...annotated(annotationsFor(annotations, "manifest-descriptor", platform)),
      platform: normalisePlatform(platform),
    },
    config,
    platform,
    layers: all,
  };
}

async function exportIndex(
  manifests: readonly ExportedManifest[],
  { annotations }: ResolvedOptions,
  writing: DocumentWriting,
): Promise<Descriptor> {
  const descriptors = manifests.map(({ descriptor }) => descriptor);
  const index = await writeIndex(descriptors, annotationsFor(annotations, "index"), writing);
  return { ...index, ...annotated(annotationsFor(annotations, "index-descriptor")) };
}

const annotated = (annotations: Descriptor["annotations"]): Pick<Descriptor, "annotations"> =>
  annotations === undefined ? {} : { annotations };

const isPlatformList = (source: ExportSource): source is readonly PlatformSource[] => Array.isArray(source);

/** What is to be made, with the base read, so that whatever can be wrong is found before work begins. */
async function planImage(ref: Ref | undefined, options: ExportOptions): Promise<Plan> {
  const base = options.base && (await readBaseImage(options.base, options.signal));
  return { ref, config: options.config ?? {}, platform: imagePlatform(options.platform, base?.config), base };
}

/** @throws SlipwayError `INVALID_ARGUMENT` if there is no platform, one twice, or something that each platform has for itself */
async function planPlatforms(sources: readonly PlatformSource[], options: ExportOptions): Promise<readonly Plan[]> {
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_ARGUMENT", `Cannot export a multi-platform image: ${reason}`);
  if (sources.length === 0) throw refuse("there is no platform in it");
  for (const option of ["platform", "base"] as const) {
    if (options[option] !== undefined)
      throw refuse(`the option ${option} is for one image; give each platform its own`);
  }
  const plans: Plan[] = [];
  const seen = new Set<string>();
  for (const { ref, config, platform, base } of sources) {
    const plan = await planImage(ref, { ...options, config: config ?? options.config, platform, base });
    const name = formatPlatform(normalisePlatform(plan.platform));
    if (seen.has(name)) throw refuse(`it has ${name} twice`);
    seen.add(name);
    plans.push(plan);
  }
  return plans;
}
