import type { DigestAlgorithm } from "../oci/digest.ts";
import type { Hasher, HasherFactory } from "./hasher.ts";

/** What is needed of a `Hash` of `node:crypto`. */
export interface CryptoHash {
  update(bytes: Uint8Array): unknown;
  copy(): CryptoHash;
  digest(): Uint8Array;
  digest(encoding: "hex"): string;
}

/** What is needed of the module `node:crypto`. */
export interface CryptoModule {
  createHash(algorithm: DigestAlgorithm): CryptoHash;
}

/** Hashers over the `createHash` of `node:crypto`. */
export function cryptoHasher(createHash: CryptoModule["createHash"]): HasherFactory {
  return Object.assign((algorithm: DigestAlgorithm) => hasherOver(createHash(algorithm)), {
    // A hasher's `digest` copies the state: for small files that is half of the work.
    hexOf: (algorithm: DigestAlgorithm, bytes: Uint8Array) => {
      const hash = createHash(algorithm);
      hash.update(bytes);
      return hash.digest("hex");
    },
  });
}

const hasherOver = (hash: CryptoHash): Hasher => ({
  update(bytes) {
    hash.update(bytes);
  },
  digest() {
    // `digest` ends a hash of node:crypto; the copy is what ends here.
    return new Uint8Array(hash.copy().digest());
  },
  clone: () => hasherOver(hash.copy()),
});
