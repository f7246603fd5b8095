import { type HasherFactory, hostHasher, pureHasher, subtleDigest, toDigest } from "../../../src/hash/index.ts";
import { createWasmHasher } from "../../../src/hash-wasm/index.ts";
import type { DigestAlgorithm } from "../../../src/oci/digest.ts";

/** What the hashers of one engine gave. */
export interface HashReport {
  /** Digests by hasher, in the order of {@link SIZES} for SHA-256, then for SHA-512. */
  readonly digests: Readonly<Record<string, readonly string[]>>;
  /** Why there are none in WebAssembly: the code of the error. */
  readonly refused?: string | undefined;
  /** How often the engine's own WebAssembly was used before `slipway/hash-wasm` was asked for. */
  readonly unasked: number;
}

const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "sha512"];
/** Around the ends of blocks, and more than hash-wasm takes at once. */
const SIZES: readonly number[] = [0, 1, 55, 56, 63, 64, 111, 112, 127, 128, 16_384, 100_001];

/** Hashes the same bytes by everything there is. */
export async function hashByAll(): Promise<HashReport> {
  const spy = spyOnWebAssembly();
  // Everything that users import, and a hash of each kind.
  await import("../../../src/index.ts");
  const digests: Record<string, readonly string[]> = {
    subtle: await digestsOf(subtleDigest),
    host: await digestsOf(streaming(hostHasher)),
    pure: await digestsOf(streaming(pureHasher)),
  };
  const unasked = spy.end();
  try {
    digests.wasm = await digestsOf(streaming(await createWasmHasher()));
  } catch (error) {
    return { digests, unasked, refused: error instanceof Error && "code" in error ? String(error.code) : "none" };
  }
  return { digests, unasked };
}

type WholeHash = (algorithm: DigestAlgorithm, bytes: Uint8Array) => Promise<Uint8Array>;

async function digestsOf(hash: WholeHash): Promise<readonly string[]> {
  const found: string[] = [];
  for (const algorithm of ALGORITHMS) {
    for (const size of SIZES) {
      found.push(
        toDigest(
          algorithm,
          await hash(
            algorithm,
            Uint8Array.from({ length: size }, (_, i) => i * 7),
          ),
        ),
      );
    }
  }
  return found;
}

/** In chunks that fit no block. */
const streaming =
  (factory: HasherFactory): WholeHash =>
  async (algorithm, bytes) => {
    const hasher = factory(algorithm);
    for (let at = 0; at < bytes.byteLength; at += 1009) hasher.update(bytes.subarray(at, at + 1009));
    return hasher.digest();
  };

/** Counts the uses of WebAssembly. */
function spyOnWebAssembly(): { end(): number } {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly");
  if (own === undefined) return { end: () => 0 };
  let uses = 0;
  Object.defineProperty(globalThis, "WebAssembly", {
    configurable: true,
    get() {
      uses++;
      return own.value;
    },
  });
  return {
    end() {
      Object.defineProperty(globalThis, "WebAssembly", own);
      return uses;
    },
  };
}
