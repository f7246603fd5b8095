import { memoryStores } from "../engines/hosts/host.ts";
import { exportFixture, type Facts } from "./export.ts";
import { ALL_SIZES, type FixtureOptions, MANY, SMALL_SIZES } from "./fixture.ts";

const MIB = 1024 * 1024;

/** The fixture when time matters more than size: what the suite of every engine exports over and over. */
export const SMALL: FixtureOptions = { sizes: SMALL_SIZES, large: 200_000 };

/** The other ways in which the small fixture's layers are compressed, by name. */
export const COMPRESSIONS = {
  uncompressed: { compression: "uncompressed" },
  "gzip 0": { compressionLevel: 0 },
  "gzip 1": { compressionLevel: 1 },
  "gzip 6": { compressionLevel: 6 },
  "gzip 9": { compressionLevel: 9 },
} as const;

/** Bytes of the large file in the tests and in the command, which has more time. */
export const LARGE: { readonly test: number; readonly command: number } = { test: 8 * MIB, command: 64 * MIB };

/** Makes anew, in this engine, what `test/golden/digests.json` records. */
export async function makeGolden(): Promise<Readonly<Record<string, Facts>>> {
  const golden: Record<string, Facts> = {};
  for (const [name, options] of Object.entries(COMPRESSIONS)) {
    golden[`small, ${name}`] = (await exportFixture(await memoryStores(), { ...SMALL, ...options })).facts;
  }
  for (const large of Object.values(LARGE)) {
    const options = { sizes: ALL_SIZES, large, many: MANY };
    golden[`${large / MIB} MiB`] = (await exportFixture(await memoryStores(), options)).facts;
  }
  return golden;
}
