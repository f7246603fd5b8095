/**
 * SHA-256 and SHA-512 that stream, in plain TypeScript, and the contract for other engines: `HasherFactory`.
 *
 * @module
 */

export { digestOf, EMPTY_DIGEST, toDigest } from "./digest.ts";
export type { Hasher, HasherFactory, StreamHasher, StreamHasherFactory } from "./hasher.ts";
export { hashing } from "./hashing.ts";
export { hostHasher } from "./host.ts";
export { pureHasher } from "./pure.ts";
export { subtleDigest } from "./subtle.ts";

// Types of other rooms that the above mention.

export type { ByteSource } from "../bytes.ts";
export type { Digest, DigestAlgorithm } from "../oci/index.ts";
