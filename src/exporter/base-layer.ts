import type { ReopenableSource } from "../bytes.ts";
import type { BlockCache } from "../compress/block-cache.ts";
import type { CompressPool } from "../compress/compress-pool.ts";
import { writeBlob } from "../content/index.ts";
import { addedSources } from "../content/source-label.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { layerCompression } from "../oci/media-types.ts";
import type { OperationOptions } from "../progress.ts";
import type { BaseLayer } from "./base-image.ts";
import { holdBlob, type RecordedLayer } from "./blob-records.ts";
import type { LayerBlockCache } from "./block-cache.ts";
import { convertLayer, needsRewrite } from "./convert-layer.ts";
import { type LayerMaking, type MadeLayer, makeOnce, shareWork } from "./layer-making.ts";
import type { ResolvedOptions } from "./options.ts";
import type { RemoteLayers } from "./remote-layers.ts";

/** What base layers are moved with. */
export interface BaseLayerMoving extends LayerMaking {
  /** Has the base. */
  readonly from: ContentProvider;
  /** The content store of the export. */
  readonly to: ContentStore;
  /** Takes layers that may stay at their registry; undefined: none may. */
  readonly remote: RemoteLayers | undefined;
  /** Who compresses; undefined: this thread. */
  readonly compressPool: CompressPool | undefined;
  /** Blocks that were compressed before; undefined: none. */
  readonly blockCache: LayerBlockCache | undefined;
}

/** A layer, and whether it is there at all. */
export interface PlacedLayer extends MadeLayer {
  /** It was left at its registry. */
  readonly remote?: boolean;
}

/**
 * A layer of the base in the content store of the export, or left at its registry: the very same blob, unless the options ask for
 * another compression or for other times inside. A layer that has them already stays as it is.
 */
export async function baseLayer(
  moving: BaseLayerMoving,
  layer: BaseLayer,
  options: ResolvedOptions,
  operation: OperationOptions,
): Promise<PlacedLayer> {
  const { compression, compressionLevel, compressionEngine } = options;
  const epoch = options.rewriteTimestamp ? options.sourceDateEpoch : undefined;
  const recompress = options.forceCompression && layerCompression(layer.descriptor.mediaType) !== compression;
  if (epoch === undefined && !recompress) return await placeLayer(moving, layer, operation);

  const key = JSON.stringify({
    base: layer.descriptor.digest,
    diffID: layer.diffID,
    compression,
    level: compression === "uncompressed" ? undefined : compressionLevel,
    engine: compression === "uncompressed" ? undefined : compressionEngine,
    recompress,
    epoch,
  });
  const convert = async (shared: OperationOptions): Promise<RecordedLayer> => {
    const { to, compressPool, blockCache } = moving;
    let { from } = moving;
    if (epoch !== undefined && from.remote) {
      // What is looked into first is read twice.
      await copyLayer(moving, layer, shared);
      from = to;
    }
    const late = epoch !== undefined && (await needsRewrite(from, layer, epoch, shared.signal));
    if (!late && !recompress) return await copyLayer(moving, layer, shared);
    const conversion = { from, to, compression, compressionLevel, compressionEngine, compressPool };
    const convertWith = (blocks?: BlockCache): Promise<RecordedLayer> =>
      convertLayer(layer, { ...conversion, blockCache: blocks, epoch: late ? epoch : undefined }, shared);
    return await (blockCache === undefined ? convertWith() : blockCache.forLayer(convertWith));
  };
  return await makeOnce(moving, key, convert, operation);
}

async function placeLayer(
  moving: BaseLayerMoving,
  layer: BaseLayer,
  operation: OperationOptions,
): Promise<PlacedLayer> {
  const { from, to, remote, flights } = moving;
  if (!from.remote) return await copyLayer(moving, layer, operation);
  const { mediaType, digest, size } = layer.descriptor;
  if (remote !== undefined && !(await holdBlob(to, layer.descriptor))) {
    remote.leave(from, layer.descriptor);
    const { diffID } = layer;
    return { descriptor: { mediaType, digest, size }, diffID, warnings: [], cached: true, remote: true };
  }
  const key = JSON.stringify({ fetched: digest, mediaType, diffID: layer.diffID });
  return await shareWork(flights, key, (shared) => copyLayer(moving, layer, shared), operation);
}

async function copyLayer(
  { from, to }: BaseLayerMoving,
  { descriptor, diffID }: BaseLayer,
  { signal, onProgress }: OperationOptions,
): Promise<MadeLayer> {
  const { mediaType, digest, size } = descriptor;
  const cached = await holdBlob(to, descriptor);
  if (!cached && from === to) {
    throw new SlipwayError(
      "NOT_FOUND",
      `Cannot build on the base image: the content store has no layer ${digest} of ${size} bytes`,
    );
  }
  if (!cached) {
    const source: ReopenableSource = {
      size,
      async *open(range) {
        let current = range?.offset ?? 0;
        for await (const chunk of from.open(digest, range, { signal, onProgress })) {
          current += chunk.byteLength;
          onProgress?.({ id: digest, name: "copying layer", state: "running", current, total: size });
          yield chunk;
        }
      },
    };
    // What costs requests is gone on with at a later try; and where it came from, a push can mount it from.
    const resumable = from.remote === true;
    const labels = resumable ? addedSources({}, (await from.info(digest, { signal, onProgress })).labels) : undefined;
    await writeBlob(to, source, { digest, size, labels, resumable, signal });
  }
  return { descriptor: { mediaType, digest, size }, diffID, warnings: [], cached };
}
