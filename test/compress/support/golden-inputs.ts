import { concatBytes } from "../../../src/bytes.ts";
import type { DeflateLevel } from "../../../src/compress/deflate/index.ts";
import { gzip } from "../../../src/compress/index.ts";
import { pureHasher, toDigest } from "../../../src/hash/index.ts";
import { end } from "../../tar/support/raw.ts";
import { collect, mixture } from "./data.ts";
import { cook, PART_KINDS } from "./recipes.ts";

export const DEFLATE_LEVELS: readonly DeflateLevel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** What golden digests are of, by name: the same bytes in every engine. */
export function goldenInputs(): Readonly<Record<string, Uint8Array>> {
  return {
    nothing: new Uint8Array(0),
    "one byte": mixture(1),
    "65537 bytes": mixture(65_537),
    "a part of each kind": cook(
      PART_KINDS.map((kind, i) => ({ kind, size: 40_000 + i, seed: i + 1, parameter: 1000 * i })),
    ),
    "a tar of several blocks": concatBytes([cook([{ kind: "tar", size: 1_800_192, seed: 3, parameter: 12_000 }]), end]),
  };
}

/** Digests of what gzip makes of these inputs. */
export async function goldenDigests(level: DeflateLevel): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(goldenInputs())) {
    const hasher = pureHasher("sha256");
    hasher.update(await collect(gzip(bytes, { level })));
    digests[name] = toDigest("sha256", hasher.digest());
  }
  return digests;
}
