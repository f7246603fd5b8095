import { createSHA256, createSHA512 } from "hash-wasm";
import { SlipwayError } from "../errors.ts";
import type { Hasher, HasherFactory } from "../hash/hasher.ts";
import type { DigestAlgorithm } from "../oci/digest.ts";
import { type Engine, EnginePool } from "./engine-pool.ts";
import { loadHasher, PooledHasher } from "./pooled-hasher.ts";

/** A layer passes three hashers at once (diffID, digest, the store's own); one more for whoever verifies a read meanwhile. */
const SHA256_ENGINES = 4;

/** Rare, and rarely twice at once. */
const SHA512_ENGINES = 2;

/**
 * Hashers in WebAssembly. The few instances that they need are made here, once; any number of hashers share them afterwards, each
 * keeping its state aside while another computes. Their states can be saved and loaded.
 *
 * Where WebAssembly cannot be had, the hasher to use instead is `hostHasher` (or `pureHasher`) of `slipway/hash`: that is so on
 * pages whose Content Security Policy has a `script-src` without `'wasm-unsafe-eval'`, and in Cloudflare Workers.
 * @throws SlipwayError `UNSUPPORTED` where there is no WebAssembly or it may not be compiled; `cause` has the engine's own error
 */
export async function createWasmHasher(): Promise<HasherFactory> {
  const pools: Readonly<Record<DigestAlgorithm, EnginePool>> = {
    sha256: await startPool("sha256", createSHA256, SHA256_ENGINES),
    sha512: await startPool("sha512", createSHA512, SHA512_ENGINES),
  };
  return Object.assign((algorithm: DigestAlgorithm): Hasher => new PooledHasher(pools[algorithm]), {
    load: (algorithm: DigestAlgorithm, state: Uint8Array): Hasher => loadHasher(pools[algorithm], state),
  });
}

async function startPool(
  algorithm: DigestAlgorithm,
  create: () => Promise<Engine>,
  count: number,
): Promise<EnginePool> {
  const engines: Engine[] = [];
  try {
    while (engines.length < count) engines.push(await create());
  } catch (error) {
    // WebKit lets a forbidden module be compiled and refuses to start it; the others refuse to compile it.
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot hash with WebAssembly: ${reasonOf(error)}; use hostHasher or pureHasher of slipway/hash instead`,
      { cause: error },
    );
  }
  return new EnginePool(algorithm, engines);
}

function reasonOf(error: unknown): string {
  if (typeof WebAssembly === "undefined") return "this runtime has none";
  const message = error instanceof Error ? error.message : String(error);
  return `it may not be compiled or started here (${message})`;
}
