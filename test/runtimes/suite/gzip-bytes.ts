import { assertEqual, type ConformanceCase } from "../../../src/conformance.ts";
import { DEFLATE_LEVELS, goldenDigests } from "../../compress/support/golden-inputs.ts";
import golden from "../../golden/compress/gzip.json" with { type: "json" };

/** The encoder makes the same bytes in every engine, however far the engine has compiled it by then: those on record. */
export const gzipBytes: readonly ConformanceCase[] = DEFLATE_LEVELS.map((level) => ({
  name: `are those on record at level ${level}`,
  async run() {
    const recorded: Readonly<Record<string, string>> = golden.slipway[`level ${level}`];
    const digests = await goldenDigests(level);
    for (const [name, digest] of Object.entries(recorded)) assertEqual(digests[name], digest, name);
    assertEqual(Object.keys(digests).length, Object.keys(recorded).length, "how many are on record");
  },
}));
