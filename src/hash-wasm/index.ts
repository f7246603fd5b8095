/**
 * SHA-256 and SHA-512 in WebAssembly, through the package `hash-wasm`: for pages that want the speed and may compile WebAssembly.
 * Nothing else of Slipway loads it.
 *
 * @example
 * ```ts
 * import { createMemoryContentStore } from "slipway/content";
 * import { hostHasher } from "slipway/hash";
 * import { createWasmHasher } from "slipway/hash-wasm";
 *
 * const hasher = await createWasmHasher().catch(() => hostHasher);
 * const content = createMemoryContentStore({ hasher });
 * ```
 *
 * @module
 */

export { createWasmHasher } from "./create-wasm-hasher.ts";

// Types of other rooms that the above mention.

export type { SlipwayError, SlipwayErrorCode } from "../errors.ts";
export type { Hasher, HasherFactory } from "../hash/index.ts";
export type { DigestAlgorithm } from "../oci/index.ts";
