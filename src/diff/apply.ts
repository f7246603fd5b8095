import type { ByteSource } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/index.ts";
import { type Digest, digestAlgorithm, parseDigest } from "../oci/digest.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import { readTar } from "../tar/index.ts";
import { LayerApplier } from "./layer-applier.ts";
import { LayerBudget, type LayerLimits } from "./layer-limits.ts";
import { MeasuredTar } from "./measured-tar.ts";

/** How a layer is applied. */
export interface ApplyOptions extends OperationOptions {
  /** `store` (default): file contents go to the snapshot's store. `skip`: only their digests and sizes are computed and noted. */
  readonly contents?: "store" | "skip" | undefined;
  /** The diffID that the layer must have. */
  readonly diffID?: Digest | undefined;
  /** Default: `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** What the layer must not go beyond. */
  readonly limits?: LayerLimits | undefined;
}

/** What was applied. */
export interface AppliedLayer {
  /** Digest of the uncompressed tar, all of it: padding and what follows the end marker too. */
  readonly diffID: Digest;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Number of entries in the tar. */
  readonly entries: number;
}

/**
 * Applies a layer, plain or compressed, to a snapshot: image-spec `layer.md#applying-changesets`, with containerd's answers
 * where that is silent. Names are clamped to the root, symlinks on the way are followed inside of it, missing parents are made
 * (0755, owner 0:0), an entry replaces what is there unless both are directories, and the last entry of a name wins. A
 * whiteout hides what lower layers have, wherever it stands in the tar, and never what this layer brings itself.
 *
 * If it fails, the snapshot has a part of the layer: remove it.
 * @throws SlipwayError `DIGEST_MISMATCH` if the diffID is another, `INVALID_PATH` for whiteouts of `.` or `..` and for hard links
 *   to what is not there or is a directory, `NOT_A_DIRECTORY`, `SYMLINK_LOOP`, `INVALID_TAR` also for a limit that is exceeded, `INVALID_COMPRESSION`, `UNSUPPORTED`
 */
export async function applyLayer(
  work: WritableSnapshot,
  source: ByteSource,
  options: ApplyOptions = {},
): Promise<AppliedLayer> {
  return await applyWithin(new LayerBudget(options.limits), work, source, options);
}

/** {@link applyLayer} for one of several layers that have their limits together. */
export async function applyWithin(
  budget: LayerBudget,
  work: WritableSnapshot,
  source: ByteSource,
  options: Omit<ApplyOptions, "limits">,
): Promise<AppliedLayer> {
  const expected = options.diffID === undefined ? undefined : parseDigest(options.diffID, "diffID");
  options.signal?.throwIfAborted();
  const layer = `layer${expected === undefined ? "" : ` ${expected}`}`;
  const name = `applying ${layer}`;
  budget.begin(layer);
  return await runStep(options.onProgress, { id: name, name }, async (report) => {
    const hasher = options.hasher ?? hostHasher;
    const tar = new MeasuredTar(source, {
      algorithm: expected === undefined ? "sha256" : digestAlgorithm(expected),
      hasher,
      onSize: (size) => {
        budget.countTar(size);
        report.running(size);
      },
      signal: options.signal,
    });
    try {
      const applier = new LayerApplier(work, (await work.tree()).root, {
        contents: options.contents ?? "store",
        hasher,
        budget,
        signal: options.signal,
      });
      let entries = 0;
      for await (const entry of readTar(tar)) {
        options.signal?.throwIfAborted();
        entries++;
        await applier.apply(entry);
      }
      const { diffID, size } = await tar.finish();
      options.signal?.throwIfAborted();
      if (expected !== undefined && diffID !== expected) {
        throw new SlipwayError("DIGEST_MISMATCH", `Cannot apply layer: its diffID is ${diffID} instead of ${expected}`);
      }
      return { diffID, size, entries };
    } finally {
      await tar.close();
    }
  });
}
