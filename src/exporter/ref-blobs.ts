import type { BlockCache } from "../compress/block-cache.ts";
import type { ContentStore } from "../content/store.ts";
import type { Differ, Layer, LayerOptions, LayerWarning } from "../diff/differ.ts";
import type { Digest } from "../oci/digest.ts";
import type { OperationOptions } from "../progress.ts";
import type { Ref } from "../snapshots/snapshotter.ts";
import type { Tree } from "../snapshots/tree.ts";
import { holdBlob, type RecordedLayer } from "./blob-records.ts";
import type { LayerBlockCache } from "./block-cache.ts";
import { type LayerMaking, type MadeLayer, makeOnce } from "./layer-making.ts";

/** What the layers of refs are made with. */
export interface RefBlobMaking extends LayerMaking {
  readonly differ: Differ;
  /** Blocks that were compressed before; undefined: none. */
  readonly blockCache: LayerBlockCache | undefined;
  /** Layers that were written ahead, by their keys, until they are asked for. */
  readonly ahead: Map<string, RecordedLayer>;
  readonly content: ContentStore;
}

/** diffID of a tar without entries, which is two blocks of zeros: the layer of a ref that changed nothing. */
const EMPTY_TAR: Digest = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/**
 * The layer that a ref adds to its parent: the one that was made before for equal trees with equal options, if its blob is still
 * there, and otherwise a new one.
 *
 * BuildKit ships a ref that changed nothing as an empty layer. We leave it out, for it costs every client a request, and the
 * flattened image is the same; the history says `empty_layer` in its place.
 * @returns undefined if the ref changed nothing
 */
export async function refBlob(
  making: RefBlobMaking,
  parent: Ref | undefined,
  ref: Ref,
  options: LayerOptions,
  operation: OperationOptions = {},
): Promise<MadeLayer | undefined> {
  const lower = await parent?.tree();
  const upper = await ref.tree();
  if (lower === undefined ? upper.root.entries.size === 0 : lower.root.digest === upper.root.digest) return undefined;
  const make = async (shared: OperationOptions): Promise<RecordedLayer> => {
    return (
      (await writtenAhead(making, layerKey(lower, upper, options))) ??
      (await diff(making, lower, upper, options, shared))
    );
  };
  // What a predicate keeps cannot be told from outside, so neither records nor other callers can stand in for it.
  const layer =
    options.xattrs === undefined
      ? await makeOnce(making, layerKey(lower, upper, options), make, operation)
      : { ...(await make(operation)), cached: false };
  return layer.diffID === EMPTY_TAR ? undefined : layer;
}

/** A layer that was written ahead, if its blob is still there. */
async function writtenAhead({ ahead, content }: RefBlobMaking, key: string): Promise<RecordedLayer | undefined> {
  const layer = ahead.get(key);
  ahead.delete(key);
  return layer && (await holdBlob(content, layer.descriptor)) ? layer : undefined;
}

async function diff(
  { differ, blockCache: layers }: Pick<RefBlobMaking, "differ" | "blockCache">,
  lower: Tree | undefined,
  upper: Tree,
  options: LayerOptions,
  { signal, onProgress }: OperationOptions,
): Promise<RecordedLayer> {
  const warnings: LayerWarning[] = [];
  const onWarning = (warning: LayerWarning): void => {
    warnings.push(warning);
  };
  const compare = (blockCache?: BlockCache): Promise<Layer> =>
    differ.compare(lower, upper, { ...options, blockCache, signal, onProgress, onWarning });
  const { descriptor, diffID } = await (layers === undefined ? compare() : layers.forLayer(compare));
  return { descriptor, diffID, warnings };
}

/** Everything that decides the bytes of a layer. Equal trees have equal digests, so refs that are equal share their layers. */
export function layerKey(lower: Tree | undefined, upper: Tree, options: LayerOptions): string {
  return JSON.stringify({
    lower: lower?.root.digest,
    upper: upper.root.digest,
    compression: options.compression,
    level: options.compression === "uncompressed" ? undefined : options.compressionLevel,
    engine: options.compression === "uncompressed" ? undefined : options.compressionEngine,
    epoch: options.sourceDateEpoch,
    mtimeChanges: options.mtimeChanges,
  });
}
