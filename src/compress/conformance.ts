/**
 * What every `CompressPool` must do, as a list of named cases for any test runner.
 *
 * @example
 * ```ts
 * import { compressPoolConformance } from "slipway/compress/conformance";
 * import { createCompressPool } from "slipway/node";
 *
 * for (const { run } of compressPoolConformance(async () => createCompressPool({ workers: 2 }))) await run();
 * ```
 *
 * @module
 */

import type { ConformanceCase } from "../conformance.ts";
import type { CompressPool } from "./compress-pool.ts";
import { blockCases } from "./conformance/blocks.ts";
import { cancellingCases } from "./conformance/cancelling.ts";
import { closingCases } from "./conformance/closing.ts";
import { streamCases } from "./conformance/streams.ts";

export type { ConformanceCase } from "../conformance.ts";

/** What the suite is told of a pool. */
export interface CompressPoolConformanceOptions {
  /** It is no end to be closed, as nothing is held: the cases about closing are left out. Default false. */
  readonly neverClosed?: boolean | undefined;
}

/**
 * What every {@link CompressPool} must do: give the very bytes that this thread makes, whatever is under way beside it, give up what
 * nobody wants any more, and end.
 * @param open makes a fresh pool for each case, which closes it
 */
export function compressPoolConformance(
  open: () => Promise<CompressPool>,
  { neverClosed = false }: CompressPoolConformanceOptions = {},
): readonly ConformanceCase[] {
  const cases = [...blockCases, ...cancellingCases, ...streamCases, ...(neverClosed ? [] : closingCases)];
  return cases.map(({ name, run }) => ({
    name,
    async run() {
      const pool = await open();
      try {
        await run(pool);
      } finally {
        await pool.close();
      }
    },
  }));
}
