/**
 * What every `ContentStore` must do, as a list of named cases for any test runner.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { contentStoreConformance } from "slipway/content/conformance";
 *
 * for (const { run } of contentStoreConformance(async () => createMemoryContentStore())) await run();
 * ```
 *
 * @module
 */

import type { ConformanceCase } from "../conformance.ts";
import { blobCases } from "./conformance/blobs.ts";
import { commitCases } from "./conformance/commits.ts";
import { holdCases } from "./conformance/holds.ts";
import { reopenCases } from "./conformance/reopen.ts";
import { resumeCases } from "./conformance/resume.ts";
import { writerCases } from "./conformance/writers.ts";
import type { ContentStore } from "./store.ts";

export type { ConformanceCase } from "../conformance.ts";

/** What the suite may do besides opening a store. */
export interface ContentStoreConformanceOptions {
  /**
   * A second, independent object over the very store that `open` made last, as another process would have. Given for stores
   * that persist: adds the cases about what two of them must keep to.
   */
  readonly reopen?: (() => Promise<ContentStore>) | undefined;
}

/**
 * What every {@link ContentStore} must do, in the ground that containerd's content test suite covers: writers, resuming,
 * commits expected and not, one writer a ref, statuses, labels, ranges, listing, deleting, aborting.
 * @param open makes a fresh, empty store for each case; releasing it afterwards is the caller's affair
 */
export function contentStoreConformance(
  open: () => Promise<ContentStore>,
  options: ContentStoreConformanceOptions = {},
): readonly ConformanceCase[] {
  const cases = [...writerCases, ...resumeCases, ...commitCases, ...holdCases, ...blobCases];
  return [
    ...cases.map(({ name, run }) => ({ name, run: async () => await run(await open()) })),
    ...(options.reopen === undefined ? [] : reopenCases(open, options.reopen)),
  ];
}
