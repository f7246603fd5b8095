import type { Layer } from "../../diff/differ.ts";
import type { LayerEntry } from "../../diff/layer-entries.ts";
import { plannedBlocks } from "../../diff/layer-units.ts";
import type { HasherFactory } from "../../hash/hasher.ts";
import { hostHasher } from "../../hash/index.ts";
import type { OperationOptions } from "../../progress.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import type { TarInput } from "../../tar/index.ts";
import type { RecordedLayer } from "../blob-records.ts";
import type { BlocksOfLayer } from "../block-cache.ts";
import { layerOptionsOf } from "../export-layers.ts";
import type { WritingAhead } from "../exporter.ts";
import type { ResolvedOptions } from "../options.ts";
import { layerKey, type RefBlobMaking } from "../ref-blobs.ts";
import { AheadSnapshot } from "./ahead-snapshot.ts";
import { LayerAhead } from "./layer-ahead.ts";

/** What a layer is written ahead with. */
export interface AheadMaking extends Pick<RefBlobMaking, "differ" | "blockCache" | "ahead"> {
  readonly hasher: HasherFactory | undefined;
}

/** Begins the layer of a snapshot on nothing; see {@link LayerAhead}. Undefined where it could not be used. */
export function writeAhead(
  { differ, blockCache, ahead, hasher = hostHasher }: AheadMaking,
  work: WritableSnapshot,
  resolved: ResolvedOptions,
  { signal }: OperationOptions,
): WritingAhead | undefined {
  const options = layerOptionsOf(resolved);
  // What a predicate keeps cannot be told from outside, so it cannot stand for what is made later.
  if (differ.write === undefined || options.xattrs !== undefined) return undefined;
  const write = async (
    entries: AsyncIterable<TarInput>,
    written: () => Iterable<LayerEntry>,
  ): Promise<RecordedLayer> => {
    const make = async (blocks?: BlocksOfLayer): Promise<Layer> => {
      if (differ.write === undefined) throw new TypeError("a differ has lost its write");
      const made = await differ.write(entries, { ...options, blockCache: blocks, signal });
      blocks?.describe(plannedBlocks(written(), hasher));
      return made;
    };
    const { descriptor, diffID } = await (blockCache === undefined ? make() : blockCache.forLayer(make));
    return { descriptor, diffID, warnings: [] };
  };
  const layer = new LayerAhead({ hasher, sourceDateEpoch: options.sourceDateEpoch, write });
  return {
    work: new AheadSnapshot(work, layer),
    async finish(ref) {
      try {
        const tree = await ref.tree();
        const made = await layer.finish(tree);
        if (made !== undefined) ahead.set(layerKey(undefined, tree, options), made);
      } catch {
        // The export finds what it was.
        await layer.abandon();
      }
    },
    abandon: () => layer.abandon(),
  };
}
