import { type Annotations, annotationsCodec } from "./annotations.ts";
import { type Descriptor, descriptorCodec, mediaTypeCodec } from "./descriptor.ts";
import { list, object, omitempty, present, required } from "./json/codec.ts";
import { type DocumentFormat, readDocument, writeDocument } from "./json/document.ts";
import type { JsonMap } from "./json/value.ts";
import { documentKind, expectMediaType } from "./kind.ts";
import { schemaVersionCodec } from "./manifest.ts";

/** Manifests, for example one for each platform. image-spec `image-index.md`; Docker's manifest list has the same fields. */
export interface Index {
  /** The only version that there is in this format. */
  readonly schemaVersion: 2;
  /** What the index says it is. Docker always sets it; in OCI it may be absent. */
  readonly mediaType?: string;
  /** Media type of the artifact, where the index stands for one. */
  readonly artifactType?: string;
  /** Manifests or further indexes. Readers take the first whose platform suits them. */
  readonly manifests: readonly Descriptor[];
  /** The manifest that this index is about. */
  readonly subject?: Descriptor;
  /** Free text about the whole index. */
  readonly annotations?: Annotations;
  /** Fields that image-spec does not define, kept for when the index is written again. */
  readonly unknownFields?: JsonMap;
}

const INDEX: DocumentFormat<Index> = {
  codec: object<Index>({
    schemaVersion: required(schemaVersionCodec),
    mediaType: omitempty(mediaTypeCodec),
    artifactType: omitempty(mediaTypeCodec),
    manifests: required(list(descriptorCodec)),
    subject: present(descriptorCodec),
    annotations: omitempty(annotationsCodec),
  }),
  check(root, at) {
    if (documentKind(root, at) !== "index") throw at.error("is a manifest, and an index is needed");
  },
};

/**
 * Reads an index, OCI's or Docker's; a layout's `index.json` is one.
 * @param what names it in messages, for example `index sha256:…`
 * @param mediaType what its descriptor says it is; a document that says another one of itself is refused
 * @throws SlipwayError `INVALID_DOCUMENT` or `INVALID_DIGEST` naming the field; `AMBIGUOUS_DOCUMENT` if it could be read as a manifest
 */
export function parseIndex(bytes: Uint8Array, what = "index", mediaType?: string): Index {
  const index = readDocument(INDEX, bytes, what);
  expectMediaType(index.mediaType, mediaType, what);
  return index;
}

/**
 * The index's bytes, as BuildKit writes them: indented by two spaces, no newline at the end, keys in image-spec's order.
 * @throws SlipwayError as `parseIndex`
 */
export function serialiseIndex(index: Index): Uint8Array<ArrayBuffer> {
  return writeDocument(INDEX, index, "index", "  ");
}
