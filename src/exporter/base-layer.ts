import type { ReopenableSource } from "../bytes.ts";
import { writeBlob } from "../content/index.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { layerCompression } from "../oci/media-types.ts";
import type { OperationOptions } from "../progress.ts";
import type { BaseLayer } from "./base-image.ts";
import { holdBlob, type RecordedLayer } from "./blob-records.ts";
import { convertLayer, needsRewrite } from "./convert-layer.ts";
import { type LayerMaking, type MadeLayer, makeOnce } from "./layer-making.ts";
import type { ResolvedOptions } from "./options.ts";

/** What base layers are moved with. */
export interface BaseLayerMoving extends LayerMaking {
  /** Has the base. */
  readonly from: ContentProvider;
  /** The content store of the export. */
  readonly to: ContentStore;
}

/**
 * A layer of the base in the content store of the export: the very same blob, unless the options ask for another compression
 * or for other times inside. A layer that has them already stays as it is.
 */
export async function baseLayer(
  moving: BaseLayerMoving,
  layer: BaseLayer,
  options: ResolvedOptions,
  operation: OperationOptions,
): Promise<MadeLayer> {
  const { compression, compressionLevel } = options;
  const epoch = options.rewriteTimestamp ? options.sourceDateEpoch : undefined;
  const recompress = options.forceCompression && layerCompression(layer.descriptor.mediaType) !== compression;
  if (epoch === undefined && !recompress) return await copyLayer(moving, layer, operation);

  const key = JSON.stringify({
    base: layer.descriptor.digest,
    diffID: layer.diffID,
    compression,
    level: compression === "uncompressed" ? undefined : compressionLevel,
    recompress,
    epoch,
  });
  const convert = async (shared: OperationOptions): Promise<RecordedLayer> => {
    const late = epoch !== undefined && (await needsRewrite(moving.from, layer, epoch, shared.signal));
    if (!late && !recompress) return await copyLayer(moving, layer, shared);
    const { from, to } = moving;
    return await convertLayer(
      layer,
      { from, to, compression, compressionLevel, epoch: late ? epoch : undefined },
      shared,
    );
  };
  return await makeOnce(moving, key, convert, operation);
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
        for await (const chunk of from.open(digest, range)) {
          current += chunk.byteLength;
          onProgress?.({ id: digest, name: "copying layer", state: "running", current, total: size });
          yield chunk;
        }
      },
    };
    await writeBlob(to, source, { digest, size, signal });
  }
  return { descriptor: { mediaType, digest, size }, diffID, warnings: [], cached };
}
