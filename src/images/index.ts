/**
 * Image names and what they stand for: the contract `ImageStore` and one in memory. `slipway/images/conformance` tests others.
 *
 * @module
 */

export { checkImage, checkTarget } from "./check.ts";
export { createMemoryImageStore } from "./memory.ts";
export type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "./store.ts";

// Types of other rooms that the above mention.

export type {
  Annotations,
  Descriptor,
  Digest,
  DigestAlgorithm,
  JsonMap,
  JsonNumber,
  JsonValue,
  Platform,
} from "../oci/index.ts";
