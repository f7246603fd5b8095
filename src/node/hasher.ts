import { createHash, type Hash } from "node:crypto";
import type { Hasher, HasherFactory } from "../hash/hasher.ts";

/** The host's own hash engine (`node:crypto`), in Node, Deno and Bun: some times as fast as the pure one. */
export const nodeHasher: HasherFactory = (algorithm): Hasher => hasherOver(createHash(algorithm));

const hasherOver = (hash: Hash): Hasher => ({
  update(bytes) {
    hash.update(bytes);
  },
  digest() {
    // `digest` ends a hash of node:crypto; the copy is what ends here.
    return new Uint8Array(hash.copy().digest());
  },
  clone: () => hasherOver(hash.copy()),
});
