import { createHash } from "node:crypto";
import { cryptoHasher } from "../hash/crypto-hasher.ts";
import type { HasherFactory } from "../hash/hasher.ts";

/** The host's own hash engine (`node:crypto`), in Node, Deno and Bun: some times as fast as the pure one. */
export const nodeHasher: HasherFactory = cryptoHasher(createHash);
