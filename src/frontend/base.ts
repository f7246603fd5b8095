import { type ImageManifest, readGraph } from "../archive/graph.ts";
import { readBlob } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { applyWithin } from "../diff/apply.ts";
import { LayerBudget, type LayerLimits } from "../diff/layer-limits.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { ImagePusher } from "../exporter/image-pusher.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { digestOf } from "../hash/index.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform, normalisePlatform, type Platform } from "../oci/platform.ts";
import { matchPlatform, selectPlatform } from "../oci/platform-match.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { randomName } from "../random.ts";
import type { Ref, Snapshotter } from "../snapshots/snapshotter.ts";
import type { ImageSource } from "../transfer/transfer.ts";

/** An image to build on: a manifest, or an index of which the wanted platforms are taken. */
export interface BuildBase {
  /** The manifest or index. */
  readonly descriptor: Descriptor;
  /** Where it is. Default: where the new image goes. */
  readonly content?: ContentProvider | undefined;
}

/** Where bases come from by their names, and where images are pushed to: `createRegistry()` of `slipway/registry` is one. */
export interface BuildRegistry extends ImagePusher {
  /** An image to build on. @param reference `NAME[:TAG][@DIGEST]` */
  source(reference: string): ImageSource;
}

/** A base for one platform. */
export interface PlatformBase {
  readonly content: ContentProvider;
  readonly manifest: Descriptor;
  readonly platform: Platform;
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly Digest[];
}

/** Set on snapshots that a build made for itself, so that the last one who needs them takes them away. */
export const BUILD_LABEL = "slipway.dev/build";

/**
 * Finds the base that is meant. Of one at a registry no more is asked for than what its name stands for.
 * @throws SlipwayError `INVALID_ARGUMENT` for a name without a registry; what the registry throws
 */
export async function findBase(
  from: BuildBase | string,
  registry: BuildRegistry | undefined,
  options: OperationOptions,
): Promise<BuildBase> {
  if (typeof from !== "string") return from;
  if (registry === undefined) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot build on ${from}: there is no registry to find it at; give \`registry\`, or the image itself as \`from\``,
    );
  }
  return await registry.source(from).resolve(options);
}

/**
 * The manifests of a base for the wanted platforms, in their order; without any, of all it has. Only these are read, with their
 * configs.
 * @throws SlipwayError `NOT_FOUND` naming the platforms that it has; what reading its documents throws
 */
export async function selectBases(
  base: BuildBase,
  content: ContentProvider,
  platforms: readonly Platform[],
  signal: AbortSignal | undefined,
): Promise<readonly PlatformBase[]> {
  const source = base.content ?? content;
  const include = ({ platform }: Descriptor): boolean =>
    platform === undefined ||
    (platform.os !== "unknown" &&
      (platforms.length === 0 || platforms.some((wanted) => matchPlatform(wanted, platform) !== undefined)));
  const graph = await readGraph(source, base.descriptor, { signal, include });
  const images = graph.manifests.flatMap((manifest) => toPlatformBase(source, manifest) ?? []);
  const known = [...images, ...graph.excluded]
    .flatMap(({ platform }) => (platform === undefined || platform.os === "unknown" ? [] : formatPlatform(platform)))
    .join(", ");
  if (known === "") {
    throw new SlipwayError("INVALID_DOCUMENT", `Cannot build on ${base.descriptor.digest}: there is no image in it`);
  }
  if (platforms.length === 0) return images;
  return platforms.map((wanted) => {
    // What a 64-bit machine runs as well is no base for an image that says it is for one.
    const { architecture } = normalisePlatform(wanted);
    const candidates = images.filter(({ platform }) => normalisePlatform(platform).architecture === architecture);
    const best = selectPlatform(candidates, wanted);
    if (best !== undefined) return best;
    throw new SlipwayError(
      "NOT_FOUND",
      `Cannot build for ${formatPlatform(wanted)} on ${base.descriptor.digest}: the base is for ${known}`,
    );
  });
}

function toPlatformBase(content: ContentProvider, manifest: ImageManifest): PlatformBase | undefined {
  const { descriptor, platform, layers, diffIDs } = manifest;
  // Attestations lie beside images, under the platform `unknown/unknown`.
  if (platform === undefined || diffIDs === undefined || platform.os === "unknown") return undefined;
  return { content, manifest: descriptor, platform, layers, diffIDs };
}

/** How a base's layers are read. */
export interface BaseReading extends OperationOptions {
  readonly hasher?: HasherFactory | undefined;
  /** Of all its layers together. */
  readonly limits?: LayerLimits | undefined;
}

/**
 * A snapshot with the base's files, made by applying its layers unless it is there already. Contents are not stored: the
 * layers are reused as they are.
 * @returns the held snapshot, `base/` and the chain ID; undefined for a base without layers
 */
export async function baseSnapshot(
  base: PlatformBase,
  snapshots: Snapshotter,
  options: BaseReading,
): Promise<Ref | undefined> {
  if (base.layers.length === 0) return undefined;
  const key = `base/${chainID(base.diffIDs)}`;
  try {
    return await snapshots.get(key);
  } catch (error) {
    if (!isSlipwayError(error, "NOT_FOUND")) throw error;
  }
  const name = `reading base image ${base.manifest.digest}`;
  return await runStep(options.onProgress, { id: name, name }, (report) =>
    applyLayers(base, snapshots, key, {
      ...options,
      onProgress: (event) => {
        if (event.state === "completed" && event.current !== undefined) report.running(event.current);
        options.onProgress?.({ parent: name, ...event });
      },
    }),
  );
}

async function applyLayers(
  { content, layers, diffIDs }: PlatformBase,
  snapshots: Snapshotter,
  key: string,
  options: BaseReading,
): Promise<Ref> {
  const { signal, onProgress } = options;
  const active = temporaryKey("base");
  const work = await snapshots.prepare(active);
  const budget = new LayerBudget(options.limits);
  try {
    for (const [index, layer] of layers.entries()) {
      const diffID = diffIDs[index];
      const blob = readBlob(content, layer, { signal, onProgress });
      await applyWithin(budget, work, blob, { ...options, diffID, contents: "skip" });
    }
    return await snapshots.commit(key, active, { labels: { [BUILD_LABEL]: "temporary" } });
  } catch (error) {
    await snapshots.remove(active).catch(() => undefined);
    // Somebody else was faster: theirs is the same.
    if (isSlipwayError(error, "ALREADY_EXISTS")) return await snapshots.get(key);
    throw error;
  }
}

/** image-spec `config.md#layer-chainid`: one digest for layers in their order. */
function chainID(diffIDs: readonly Digest[]): Digest {
  const [first, ...rest] = diffIDs;
  if (first === undefined) throw new SlipwayError("INVALID_ARGUMENT", "Cannot compute a chain ID: there are no layers");
  return rest.reduce((chain, diffID) => digestOf(new TextEncoder().encode(`${chain} ${diffID}`)), first);
}

/** A key that nobody else has. */
export function temporaryKey(prefix: string): string {
  return `${prefix}-${randomName()}`;
}
