/**
 * The formats: image-spec's manifest, index, config and descriptor, Docker's schema 2 beside them, and digests, platforms,
 * references, media types and annotations. Documents are read strictly and written in one canonical form; fields that are not
 * known are kept.
 *
 * @module
 */

export { ANNOTATION_KEYS, type Annotations, CONTAINERD_IMAGE_NAME, parseAnnotations } from "./annotations.ts";
export {
  type Healthcheck,
  type History,
  type ImageConfig,
  parseImageConfig,
  type RootFS,
  type RuntimeConfig,
  serialiseImageConfig,
} from "./config.ts";
export { type Descriptor, parseDescriptor } from "./descriptor.ts";
export { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex, isDigest, parseDigest } from "./digest.ts";
export { type Index, parseIndex, serialiseIndex } from "./image-index.ts";
export { DOCUMENT_LIMIT } from "./json/parse.ts";
export type { JsonMap, JsonNumber, JsonValue } from "./json/value.ts";
export { type DocumentKind, detectDocument } from "./kind.ts";
export { type Manifest, parseManifest, serialiseManifest } from "./manifest.ts";
export {
  DOCKER_TYPES,
  isConfig,
  isDockerType,
  isIndex,
  isLayer,
  isManifest,
  layerCompression,
  type MediaTypeCompression,
  OCI_TYPES,
  toDockerType,
  toOciType,
} from "./media-types.ts";
export { formatPlatform, normalisePlatform, type Platform, parsePlatform } from "./platform.ts";
export { type MatchOptions, matchPlatform, selectPlatform } from "./platform-match.ts";
export { familiarName, formatReference, isTag, parseReference, type Reference, repositoryName } from "./reference.ts";
export type { SetMember } from "./runtime-config.ts";
export { formatTimestamp, isTimestamp } from "./time.ts";
