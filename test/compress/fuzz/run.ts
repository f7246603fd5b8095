import { gunzipSync } from "node:zlib";
import { concatBytes } from "../../../src/bytes.ts";
import { type BlockDeflater, createBlockDeflater, type DeflateLevel } from "../../../src/compress/deflate/index.ts";
import { gzip } from "../../../src/compress/index.ts";
import { checkBlock } from "../support/check-block.ts";
import { collect } from "../support/data.ts";
import { type ReadDeflate, readMember } from "../support/deflate-reader.ts";
import { cook, Random, randomRecipe } from "../support/recipes.ts";
import { mutatedTar } from "./mutated-tar.ts";

/** What is fuzzed, and how long. */
export interface FuzzOptions {
  readonly seed: number;
  /** The first case's number: each case follows from the seed and its number alone. */
  readonly first?: number | undefined;
  /** Whether to go on, asked before each case, and told what was done. */
  readonly more: (done: number, totals: ReadonlyMap<DeflateLevel, FuzzTotals>) => boolean;
  readonly levels: readonly DeflateLevel[];
  /** Most bytes of an input. */
  readonly most: number;
  /** A piece of a real file, of at most so many bytes; undefined where there are none. */
  readonly realPiece?: ((random: Random, most: number) => Uint8Array | undefined) | undefined;
}

/** What was done at one level. */
export interface FuzzTotals {
  inputs: number;
  /** Bytes that went in, and that came out. */
  size: number;
  deflated: number;
  /** Blocks of the format by type, and symbols. */
  stored: number;
  fixed: number;
  dynamic: number;
  literals: number;
  matches: number;
}

/** What came of a run. */
export interface FuzzOutcome {
  readonly totals: ReadonlyMap<DeflateLevel, FuzzTotals>;
  /** The first case that went wrong. */
  readonly failure?: { readonly number: number; readonly level: DeflateLevel; readonly what: string } | undefined;
}

/** One in so many is compared with what a fresh deflater makes, whose tables are slow to make. */
const FRESH = 16;

/** Runs case after case until one fails. */
export async function fuzz({ seed, first = 0, more, levels, most, realPiece }: FuzzOptions): Promise<FuzzOutcome> {
  const totals = new Map<DeflateLevel, FuzzTotals>();
  const deflaters = new Map<DeflateLevel, BlockDeflater>();
  for (let number = first; more(number - first, totals); number++) {
    const random = new Random(Math.imul(seed, 0x01000193) ^ number);
    const level = levels[random.below(levels.length)] ?? 6;
    const deflater = deflaters.get(level) ?? createBlockDeflater(level);
    deflaters.set(level, deflater);
    try {
      const kind = random.below(10);
      if (kind === 0) {
        add(totals, level, await checkMember(mutatedTar(random, most), random, level));
        continue;
      }
      const real = kind < 4 ? realPiece?.(random, most) : undefined;
      const block = real ?? cook(randomRecipe(random, most));
      const checked = checkBlock(deflater, block);
      if (random.below(FRESH) === 0) {
        const fresh = createBlockDeflater(level).deflate(block);
        if (Buffer.compare(fresh, checked.deflated) !== 0) throw new Error("a fresh deflater makes other bytes");
      }
      add(totals, level, checked);
    } catch (error) {
      return { totals, failure: { number, level, what: error instanceof Error ? error.message : String(error) } };
    }
  }
  return { totals };
}

type Checked = ReadDeflate & { readonly deflated: Uint8Array };

/** All of gzip: cut anyhow, read by zlib and by the strict reader. */
async function checkMember(bytes: Uint8Array, random: Random, level: DeflateLevel): Promise<Checked> {
  const member = await collect(gzip(cutAnyhow(bytes, random), { level }));
  const read = readMember(member, { independent: true });
  if (Buffer.compare(read.bytes, bytes) !== 0) throw new Error("the strict reader reads another tar");
  if (Buffer.compare(gunzipSync(member), bytes) !== 0) throw new Error("zlib reads another tar");
  if (random.below(4) === 0 && Buffer.compare(await collect(gzip(bytes, { level })), member) !== 0) {
    throw new Error("a tar in one chunk gives other bytes");
  }
  return { ...read, deflated: member };
}

function* cutAnyhow(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  const most = random.pick([700, 70_000, 3_000_000]);
  for (let at = 0; at < bytes.byteLength; ) {
    const size = 1 + random.below(most);
    yield concatBytes([bytes.subarray(at, at + size)]);
    at += size;
  }
}

function add(totals: Map<DeflateLevel, FuzzTotals>, level: DeflateLevel, { bytes, deflated, blocks }: Checked): void {
  const sum = totals.get(level) ?? {
    inputs: 0,
    size: 0,
    deflated: 0,
    stored: 0,
    fixed: 0,
    dynamic: 0,
    literals: 0,
    matches: 0,
  };
  totals.set(level, sum);
  sum.inputs++;
  sum.size += bytes.byteLength;
  sum.deflated += deflated.byteLength;
  for (const { type, literals, matches } of blocks) {
    sum[type]++;
    sum.literals += literals;
    sum.matches += matches;
  }
}
