import {
  type BaseImage,
  createExporter,
  type Descriptor,
  isSlipwayError,
  type OperationOptions,
  type Platform,
  type Snapshotter,
} from "slipway";
import type { CompressPool } from "slipway/compress";
import { choosePlatform } from "slipway/transfer";
import { loadBase } from "./registries.ts";
import type { ImageRequest } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** What a build is told besides its request. */
export interface BuildHooks extends OperationOptions {
  /** Who compresses. Default: this thread. */
  readonly compressPool?: CompressPool | undefined;
  readonly onWarning: (message: string) => void;
}

/**
 * Makes an image of the layers up to `top` and gives it its names. What it writes is safe from garbage collections until it has
 * them. A build that fails or is cancelled leaves blobs that nothing refers to, and no name.
 * @returns the manifest, or the index of an image for several platforms
 */
export async function buildImage(
  stores: Stores,
  snapshots: Snapshotter,
  top: string,
  request: ImageRequest,
  { signal, onProgress, onWarning, compressPool }: BuildHooks,
): Promise<Descriptor> {
  const { names, config, platforms, compression } = request;
  const ref = await snapshots.get(top);
  try {
    const replaced = await imagesNamed(stores, names);
    const exporter = createExporter({ ...stores, snapshots, compressPool });
    const job = exporter.resolve({ name: names, compression, onWarning });
    const sources = await Promise.all(
      platforms.map(async (platform) => ({ platform, ref, base: await baseFor(stores, platform, signal) })),
    );
    const [only] = sources;
    const image =
      sources.length === 1 && only !== undefined
        ? await job.export(ref, { config, platform: only.platform, base: only.base, signal, onProgress })
        : await job.export(sources, { config, signal, onProgress });
    for (const [name, digest] of replaced) {
      if (digest !== image.digest)
        onWarning(`The name ${name} stood for ${digest} before, and stands for this image now.`);
    }
    return image.descriptor;
  } finally {
    ref.release();
  }
}

/** What the image begins with on that platform. @throws SlipwayError `NOT_FOUND` where the base has nothing for it */
async function baseFor(
  stores: Stores,
  platform: Platform,
  signal: AbortSignal | undefined,
): Promise<BaseImage | undefined> {
  const base = await loadBase(stores);
  if (base === undefined) return undefined;
  const { content } = stores;
  const image = { content, descriptor: base.descriptor, names: [base.name] };
  return { content, manifest: (await choosePlatform(image, platform, { signal })).descriptor };
}

/** What the names stand for now. */
async function imagesNamed({ images }: Stores, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    try {
      found.set(name, (await images.get(name)).target.digest);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
  }
  return found;
}
