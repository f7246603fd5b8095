/**
 * What every `Snapshotter` and `MetadataStore` must do, as lists of named cases for any test runner.
 *
 * @example
 * ```ts
 * import { createMemoryMetadataStore } from "slipway/snapshots";
 * import { metadataStoreConformance } from "slipway/snapshots/conformance";
 *
 * for (const { run } of metadataStoreConformance(async () => createMemoryMetadataStore())) await run();
 * ```
 *
 * @module
 */

import type { ConformanceCase } from "../conformance.ts";
import { fileCases } from "./conformance/files.ts";
import { lifecycleCases } from "./conformance/lifecycle.ts";
import { metadataStoreCases, sharedMetadataCases } from "./conformance/metadata.ts";
import { reopenCases } from "./conformance/reopen.ts";
import type { MetadataStore } from "./metadata.ts";
import type { Snapshotter } from "./snapshotter.ts";

/** What the snapshotter suite may do besides opening one. */
export interface SnapshotterConformanceOptions {
  /**
   * A second, independent snapshotter over the very stores of the one that `open` made last, as another process would have.
   * Given for snapshotters that persist: adds the cases about a restart and about what two of them must keep to.
   */
  readonly reopen?: (() => Promise<Snapshotter>) | undefined;
}

/** What the metadata store suite may do besides opening one. */
export interface MetadataStoreConformanceOptions {
  /** A second, independent object over the very store that `open` made last. Runs the races between the two as well. */
  readonly reopen?: (() => Promise<MetadataStore>) | undefined;
}

/**
 * What every {@link Snapshotter} must do, in the ground that containerd's snapshotter test suite covers: the way from prepare to
 * remove, keys, parents, labels, walking, usage, and what layers of changes look like from the top.
 * @param open makes a fresh one without snapshots for each case; releasing it afterwards is the caller's affair
 */
export function snapshotterConformance(
  open: () => Promise<Snapshotter>,
  options: SnapshotterConformanceOptions = {},
): readonly ConformanceCase[] {
  return [
    ...[...lifecycleCases, ...fileCases].map(({ name, run }) => ({ name, run: async () => await run(await open()) })),
    ...(options.reopen === undefined ? [] : reopenCases(open, options.reopen)),
  ];
}

/**
 * What every {@link MetadataStore} must do.
 * @param open makes a fresh, empty store for each case; releasing it afterwards is the caller's affair
 */
export function metadataStoreConformance(
  open: () => Promise<MetadataStore>,
  { reopen }: MetadataStoreConformanceOptions = {},
): readonly ConformanceCase[] {
  const cases = metadataStoreCases.map(({ name, run }) => ({ name, run: async () => await run(await open()) }));
  if (reopen === undefined) return cases;
  return [...cases, ...sharedMetadataCases(open, reopen)];
}
