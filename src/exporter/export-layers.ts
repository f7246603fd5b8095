import type { CompressPool } from "../compress/compress-pool.ts";
import type { ContentStore } from "../content/store.ts";
import type { LayerOptions } from "../diff/differ.ts";
import { type OperationOptions, type ProgressEvent, runStep } from "../progress.ts";
import type { Ref, Snapshotter } from "../snapshots/snapshotter.ts";
import type { ReadBaseImage } from "./base-image.ts";
import { baseLayer, type PlacedLayer } from "./base-layer.ts";
import { mapConcurrently } from "./concurrency.ts";
import { exportedLayer } from "./exported-layer.ts";
import type { ExportedLayer } from "./exporter.ts";
import type { ResolvedOptions } from "./options.ts";
import { type RefBlobMaking, refBlob } from "./ref-blobs.ts";
import { holdChain, NO_CHAIN, type RefChain } from "./ref-chain.ts";
import type { RemoteLayers } from "./remote-layers.ts";

/** One image of an export, as far as its layers are concerned. */
export interface LayerSource {
  /** Tells its steps from those of the other images of a multi-platform export. */
  readonly label: string;
  readonly ref: Ref | undefined;
  readonly base: ReadBaseImage | undefined;
}

/** The layers of one image, from the base up. */
export interface ImageLayers {
  readonly base: readonly ExportedLayer[];
  /** For each ref of the chain; undefined for a ref that changed nothing. */
  readonly chain: readonly (ExportedLayer | undefined)[];
}

/** What layers are exported with. */
export interface LayerExporting extends RefBlobMaking {
  readonly snapshots: Snapshotter;
  readonly content: ContentStore;
  /** Who compresses; undefined: this thread. */
  readonly compressPool: CompressPool | undefined;
}

/** A way of exporting for one export. */
interface OneExport extends LayerExporting {
  /** Takes the layers that may stay at their registry; undefined: none may. */
  readonly remote: RemoteLayers | undefined;
}

/** How many layers are worked on at the same time. One thread compresses; the others wait for what they read and write. */
const CONCURRENCY = 3;

/** A layer that is to be made. */
interface LayerTask {
  readonly name: string;
  readonly make: (operation: OperationOptions) => Promise<PlacedLayer | undefined>;
  /** It may take requests, and tells of steps of their own that these wait. */
  readonly remote: boolean;
}

/**
 * The layers of all images of an export, made concurrently, as one step "exporting layers" with a child step for each layer.
 * Refs are held while their layers are made and released whatever happens.
 */
export async function exportLayers(
  exporting: OneExport,
  sources: readonly LayerSource[],
  options: ResolvedOptions,
  { signal, onProgress }: OperationOptions,
): Promise<readonly ImageLayers[]> {
  const step = "exporting layers";
  return await runStep(onProgress, { id: step, name: step }, async (report) => {
    const chains: RefChain[] = [];
    try {
      const tasks: LayerTask[] = [];
      for (const source of sources) {
        signal?.throwIfAborted();
        const chain = source.ref ? await holdChain(exporting.snapshots, source.ref, source.base?.ref) : NO_CHAIN;
        chains.push(chain);
        tasks.push(...layerTasks(exporting, source, chain, options));
      }
      const made = await mapConcurrently(tasks, CONCURRENCY, signal, (task, shared) =>
        runLayerStep(task, step, { signal: shared, onProgress }),
      );
      for (const warning of made.flatMap((layer) => layer?.warnings ?? [])) {
        options.onWarning(`${warning.path}: ${warning.message}`);
      }
      if (made.every((layer) => layer === undefined || layer.cached)) report.cached();
      return distribute(made, sources, chains, options);
    } finally {
      for (const chain of chains) chain.release();
    }
  });
}

/** What decides the bytes of the layers of an export. */
export function layerOptionsOf(options: ResolvedOptions): LayerOptions {
  const { compression, compressionLevel, compressionEngine, sourceDateEpoch, mtimeChanges, xattrs } = options;
  return { compression, compressionLevel, compressionEngine, sourceDateEpoch, mtimeChanges, xattrs };
}

/** The layers of one image in order: the base's, then the chain's. */
function layerTasks(
  exporting: OneExport,
  { label, base }: LayerSource,
  { refs, base: baseRef }: RefChain,
  options: ResolvedOptions,
): readonly LayerTask[] {
  const layerOptions = layerOptionsOf(options);
  const makes: LayerTask["make"][] = [];
  if (base) {
    const moving = { ...exporting, from: base.content, to: exporting.content };
    makes.push(
      ...base.layers.map((layer) => (operation: OperationOptions) => baseLayer(moving, layer, options, operation)),
    );
  }
  for (const [index, ref] of refs.entries()) {
    const parent = index === 0 ? baseRef : refs[index - 1];
    makes.push((operation) => refBlob(exporting, parent, ref, layerOptions, operation));
  }
  return makes.map((make, index) => ({
    name: `${label}layer ${index + 1}/${makes.length}`,
    make,
    remote: base?.content.remote === true && index < base.layers.length,
  }));
}

/** Runs the making of a layer as a step of its own. What it reports of its progress, also as others' work, are bytes of this step. */
async function runLayerStep(
  { name, make, remote }: LayerTask,
  parent: string,
  { signal, onProgress }: OperationOptions,
): Promise<PlacedLayer | undefined> {
  return await runStep(onProgress, { id: name, name: `exporting ${name}`, parent }, async (report) => {
    const forward = (event: ProgressEvent): void => {
      if (event.current !== undefined) report.running(event.current, event.total);
      // Several layers may wait for the same: each has its own step.
      else if (remote) onProgress?.({ ...event, id: `${name}: ${event.id}`, parent: name });
    };
    const layer = await make({ signal, onProgress: forward });
    if (layer?.cached) report.cached();
    const digest = layer === undefined ? "(no changes)" : layer.descriptor.digest;
    report.rename(`exporting ${name} ${digest}${layer?.remote ? " (left at its registry)" : ""}`);
    return layer;
  });
}

/** Gives every image its layers back. */
function distribute(
  made: readonly (PlacedLayer | undefined)[],
  sources: readonly LayerSource[],
  chains: readonly RefChain[],
  options: ResolvedOptions,
): readonly ImageLayers[] {
  const rest = [...made];
  return sources.map(({ base }, image) => {
    const originals = base?.layers ?? [];
    const own = rest.splice(0, originals.length + (chains[image]?.refs.length ?? 0));
    const exported = own.map((layer, index) => layer && exportedLayer(layer, originals[index]?.descriptor, options));
    return {
      base: exported.slice(0, originals.length).filter((layer) => layer !== undefined),
      chain: exported.slice(originals.length),
    };
  });
}
