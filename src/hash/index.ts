export { digestOf, EMPTY_DIGEST, toDigest } from "./digest.ts";
export type { Hasher, HasherFactory } from "./hasher.ts";
export { hashing } from "./hashing.ts";
export { pureHasher } from "./pure.ts";
export { subtleDigest } from "./subtle.ts";
