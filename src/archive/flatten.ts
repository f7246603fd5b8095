import { readBlob } from "../content/read.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import { applyWithin } from "../diff/apply.ts";
import type { LayerWarning } from "../diff/differ.ts";
import { layerEntries } from "../diff/layer-entries.ts";
import { LayerBudget, type LayerLimits } from "../diff/layer-limits.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isManifest } from "../oci/media-types.ts";
import type { OperationOptions } from "../progress.ts";
import { createSnapshotter } from "../snapshots/create-snapshotter.ts";
import type { Tree } from "../snapshots/tree.ts";
import { type TarInput, writeTar } from "../tar/index.ts";
import { readGraph } from "./graph.ts";
import { streamStep } from "./stream-step.ts";

/** Options of {@link flattenImage}. */
export interface FlattenOptions extends OperationOptions {
  /** Where the contents of the files go, for a garbage collection to take them. Default: the store of the image. */
  readonly files?: ContentStore | undefined;
  /** `skip` computes digest and size of each file and keeps no content: enough to compare trees. Default `store`. */
  readonly contents?: "store" | "skip" | undefined;
  /** Only so many layers, counted from the base up. Default all. */
  readonly layers?: number | undefined;
  /** Default: the stores' own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** What the layers must not go beyond together. */
  readonly limits?: LayerLimits | undefined;
}

/**
 * The root filesystem of an image: its layers applied one on the other, each verified by digest and diffID.
 * @param manifest of one platform's image; of an index choose one with `resolveImage` first
 * @throws SlipwayError `INVALID_ARGUMENT` if it is no image's manifest, `OUT_OF_RANGE` if it has fewer layers, `NOT_FOUND`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`,
 *   `INVALID_TAR`, `INVALID_COMPRESSION`, `INVALID_PATH`, `UNSUPPORTED`
 */
export async function flattenImage(
  content: ContentProvider,
  manifest: Descriptor,
  options: FlattenOptions = {},
): Promise<Tree> {
  const { contents = "store", hasher, signal, onProgress } = options;
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_ARGUMENT", `Cannot flatten ${manifest.digest}: ${reason}`);
  if (!isManifest(manifest.mediaType)) throw refuse("it is not a manifest; choose one of its platforms");
  const [image] = (await readGraph(content, manifest, { signal })).manifests;
  if (image?.diffIDs === undefined) throw refuse("its config is not that of an image");
  const count = options.layers ?? image.layers.length;
  if (!Number.isInteger(count) || count < 0 || count > image.layers.length) {
    throw new SlipwayError(
      "OUT_OF_RANGE",
      `Cannot flatten ${count} layers of ${manifest.digest}: it has ${image.layers.length}`,
    );
  }
  const files = options.files ?? content;
  if (!isContentStore(files))
    throw refuse("its content is only for reading; give `files`, a store for what is unpacked");
  const snapshots = createSnapshotter({ content: files, hasher });
  const work = await snapshots.prepare("flattened");
  const budget = new LayerBudget(options.limits);
  for (const [index, layer] of image.layers.slice(0, count).entries()) {
    const blob = readBlob(content, layer, { hasher, signal });
    const diffID = image.diffIDs[index];
    await applyWithin(budget, work, blob, { contents, diffID, hasher: hasher ?? files.hasher, signal, onProgress });
  }
  return await work.tree();
}

/** Options of {@link writeRootfsTar}. */
export interface RootfsTarOptions extends OperationOptions {
  /** Seconds since 1970: later mtimes are written as this one. */
  readonly sourceDateEpoch?: number | undefined;
  /** Which xattrs are written. Default all. */
  readonly xattrs?: ((name: string) => boolean) | undefined;
  /** Called for what a tar cannot hold: sockets. */
  readonly onWarning?: ((warning: LayerWarning) => void) | undefined;
}

/**
 * One tar of a whole tree, with the entries that a layer with nothing beneath it has, and so the same bytes in every runtime.
 * The root itself has no entry.
 * @throws SlipwayError by rejecting `next()`: `INVALID_PATH` for a name that is a whiteout's, `NOT_FOUND`, `DIGEST_MISMATCH`
 */
export async function* writeRootfsTar(
  tree: Tree,
  content: ContentProvider,
  options: RootfsTarOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, onProgress, ...entryOptions } = options;
  yield* streamStep(onProgress, "writing root filesystem", async function* (report) {
    let current = 0;
    for await (const chunk of writeTar(tarInputs())) {
      signal?.throwIfAborted();
      yield chunk;
      current += chunk.byteLength;
      report(current);
    }
  });

  function* tarInputs(): Generator<TarInput, void, undefined> {
    for (const { header, file } of layerEntries(undefined, tree, entryOptions)) {
      if (file === undefined) yield { header };
      else yield { header, content: readBlob(content, { digest: file.content, size: file.size }, { signal }) };
    }
  }
}

const isContentStore = (content: ContentProvider): content is ContentStore =>
  typeof (content as Partial<ContentStore>).writer === "function";
