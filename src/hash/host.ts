import type { DigestAlgorithm } from "../oci/digest.ts";
import { type CryptoModule, cryptoHasher } from "./crypto-hasher.ts";
import type { Hasher, HasherFactory } from "./hasher.ts";
import { pureHasher } from "./pure.ts";

/** The part of a Node-like `process` that hands out built-in modules without an import, which bundlers would have to resolve. */
interface HostProcess {
  readonly getBuiltinModule?: ((name: string) => unknown) | undefined;
}

let chosen: HasherFactory | undefined;

/**
 * The fastest streaming hasher that this host has without loading anything: `node:crypto` in Node, Deno, Bun and in Workers
 * with `nodejs_compat`, the pure one on pages and everywhere else. The README's table says how fast each was measured to be.
 * The default wherever no other is given. WebAssembly is never chosen here: who wants it passes `slipway/hash-wasm`.
 */
export const hostHasher: HasherFactory = Object.assign(
  (algorithm: DigestAlgorithm): Hasher => choose()(algorithm),
  // The states of `node:crypto` cannot be had; those of the pure engine can be gone on with everywhere.
  { load: pureHasher.load },
);
// Not before it is asked for: importing this asks nothing of the host.
Object.defineProperty(hostHasher, "hexOf", { get: () => choose().hexOf });

/** Whether {@link hostHasher} is the pure one here. */
export const usesPureHasher = (): boolean => choose() === pureHasher;

/** The one place that decides. Looked up when it is first needed, so that importing this asks nothing of the host. */
function choose(): HasherFactory {
  chosen ??= hostCrypto() ?? pureHasher;
  return chosen;
}

function hostCrypto(): HasherFactory | undefined {
  const { process } = globalThis as { readonly process?: HostProcess | undefined };
  try {
    const module = process?.getBuiltinModule?.("node:crypto");
    if (!isCryptoModule(module)) return undefined;
    const factory = cryptoHasher(module.createHash);
    // Bundlers put stand-ins in the place of Node's modules that have the names but not the functions.
    factory("sha256").clone().digest();
    return factory;
  } catch {
    return undefined;
  }
}

const isCryptoModule = (module: unknown): module is CryptoModule =>
  typeof module === "object" && module !== null && "createHash" in module && typeof module.createHash === "function";
