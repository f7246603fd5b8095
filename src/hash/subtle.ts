import type { DigestAlgorithm } from "../oci/digest.ts";
import { pureHasher } from "./pure.ts";

const NAMES: Readonly<Record<DigestAlgorithm, string>> = { sha256: "SHA-256", sha512: "SHA-512" };

/**
 * The raw hash of a whole buffer by the host's own engine (`crypto.subtle`), which is fast but cannot stream. Pages that
 * are not a secure context have none: there the pure engine does the work, with the same result.
 */
export async function subtleDigest(algorithm: DigestAlgorithm, bytes: Uint8Array): Promise<Uint8Array> {
  // Absent outside of secure contexts, whatever the type says.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    const engine = pureHasher(algorithm);
    engine.update(bytes);
    return engine.digest();
  }
  return new Uint8Array(await subtle.digest(NAMES[algorithm], isUnshared(bytes) ? bytes : new Uint8Array(bytes)));
}

/** Web Crypto takes no memory that another thread could change meanwhile. */
function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
