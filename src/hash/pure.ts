import type { Hasher, HasherFactory } from "./hasher.ts";
import { pureSha256 } from "./pure-sha256.ts";
import { pureSha512 } from "./pure-sha512.ts";

/** Hashers in TypeScript alone: they work everywhere, stream and can be cloned. The default wherever no other is given. */
export const pureHasher: HasherFactory = (algorithm): Hasher => (algorithm === "sha256" ? pureSha256() : pureSha512());
