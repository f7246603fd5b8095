import type { DigestAlgorithm } from "../oci/digest.ts";
import { BlockHasher } from "./block-hasher.ts";
import type { Hasher, HasherFactory } from "./hasher.ts";
import { pureSha256, SHA256 } from "./pure-sha256.ts";
import { pureSha512, SHA512 } from "./pure-sha512.ts";

/** Hashers in TypeScript alone: they work everywhere, stream, can be cloned and their states saved. */
export const pureHasher: HasherFactory = Object.assign(
  (algorithm: DigestAlgorithm): Hasher => (algorithm === "sha256" ? pureSha256() : pureSha512()),
  {
    load: (algorithm: DigestAlgorithm, state: Uint8Array): Hasher =>
      BlockHasher.load(algorithm === "sha256" ? SHA256 : SHA512, state),
  },
);
