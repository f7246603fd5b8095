import { type CryptoModule, cryptoHasher } from "../../../src/hash/crypto-hasher.ts";
import { type HasherFactory, hostHasher, pureHasher, subtleDigest } from "../../../src/hash/index.ts";
import { createWasmHasher } from "../../../src/hash-wasm/index.ts";

/** How fast one hasher is, in MB/s (10^6 bytes). */
export interface HasherSpeed {
  readonly name: string;
  /** One stream in chunks of 64 KiB, as layers flow. */
  readonly large: number;
  /** One stream in chunks of 512 bytes, as the headers of a tar come. */
  readonly small: number;
  /** A fresh hasher for every 4 KiB, as for small files. */
  readonly files: number;
}

/** How fast SHA-256 is in one engine. */
export interface HashSpeeds {
  /** What `hostHasher` chose. */
  readonly chosen: string;
  readonly hashers: readonly HasherSpeed[];
  /** Whole buffers of 16 MiB by `crypto.subtle`, in MB/s. */
  readonly subtle: number;
}

/** How much is measured. */
export interface HashArgument {
  /** Times that each hasher works. */
  readonly rounds: number;
}

const SIZE = 16 * 1024 * 1024;
/** Milliseconds that one measurement takes at least: some clocks count whole ones. */
const LEAST = 150;

/**
 * Measures all hashers in turn, several times, and takes the median.
 * @param now milliseconds of a clock; it may need something from outside in order to advance
 */
export async function measureHashers(now: () => Promise<number>, { rounds }: HashArgument): Promise<HashSpeeds> {
  const bytes = noise();
  const hashers = await allHashers();
  const tasks = hashers.flatMap(({ factory }) => [
    () => stream(factory, bytes, 64 * 1024),
    () => stream(factory, bytes.subarray(0, SIZE / 4), 512),
    () => manyFiles(factory, bytes.subarray(0, SIZE / 4), 4096),
  ]);
  tasks.push(() => subtleDigest("sha256", bytes).then(() => bytes.byteLength));
  const found: number[][] = tasks.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, task] of tasks.entries()) found[at]?.push(await speedOf(task, now));
  }
  const medians = found.map((speeds) => speeds.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN);
  return {
    chosen: hostHasher("sha256").save === undefined ? "node:crypto" : "pure",
    hashers: hashers.map(({ name }, at) => {
      const [large = Number.NaN, small = Number.NaN, files = Number.NaN] = medians.slice(at * 3);
      return { name, large, small, files };
    }),
    subtle: medians.at(-1) ?? Number.NaN,
  };
}

async function allHashers(): Promise<readonly { readonly name: string; readonly factory: HasherFactory }[]> {
  const all = [{ name: "pure", factory: pureHasher }];
  const { process } = globalThis as { readonly process?: { getBuiltinModule?(name: string): unknown } };
  const crypto = process?.getBuiltinModule?.("node:crypto") as CryptoModule | undefined;
  if (crypto !== undefined) all.push({ name: "node:crypto", factory: cryptoHasher(crypto.createHash) });
  try {
    all.push({ name: "hash-wasm", factory: await createWasmHasher() });
  } catch {
    // Not in this engine.
  }
  return all;
}

async function speedOf(task: () => Promise<number>, now: () => Promise<number>): Promise<number> {
  let bytes = await task();
  for (let repeats = 1; ; repeats *= 2) {
    bytes = 0;
    const start = await now();
    for (let count = 0; count < repeats; count++) bytes += await task();
    const milliseconds = (await now()) - start;
    if (milliseconds >= LEAST) return bytes / 1000 / milliseconds;
  }
}

async function stream(factory: HasherFactory, bytes: Uint8Array, chunk: number): Promise<number> {
  const hasher = factory("sha256");
  for (let at = 0; at < bytes.byteLength; at += chunk) hasher.update(bytes.subarray(at, at + chunk));
  hasher.digest();
  return bytes.byteLength;
}

async function manyFiles(factory: HasherFactory, bytes: Uint8Array, size: number): Promise<number> {
  for (let at = 0; at < bytes.byteLength; at += size) {
    const hasher = factory("sha256");
    hasher.update(bytes.subarray(at, at + size));
    hasher.digest();
  }
  return bytes.byteLength;
}

function noise(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIZE);
  for (let at = 0; at < SIZE; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
  return bytes;
}
