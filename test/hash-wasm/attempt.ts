import { isSlipwayError, type SlipwayError } from "../../src/errors.ts";
import { toDigest } from "../../src/hash/index.ts";
import { createWasmHasher } from "../../src/hash-wasm/index.ts";

/** The digest of "abc" by WebAssembly, or why there is none, as one line. */
export async function attempt(): Promise<string> {
  try {
    const hasher = (await createWasmHasher())("sha256");
    hasher.update(new TextEncoder().encode("abc"));
    return toDigest("sha256", hasher.digest());
  } catch (error) {
    return isSlipwayError(error) ? told(error) : String(error);
  }
}

const told = ({ code, message, cause }: SlipwayError): string =>
  `${code}: ${message} (cause: ${cause instanceof Error ? cause.name : "none"})`.replaceAll("\n", " ");

/** The same as a Worker. */
export default {
  async fetch(): Promise<Response> {
    return new Response(await attempt());
  },
};
