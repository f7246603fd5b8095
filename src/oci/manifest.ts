import { type Annotations, annotationsCodec } from "./annotations.ts";
import { type Descriptor, descriptorCodec, mediaTypeCodec } from "./descriptor.ts";
import { type Codec, checked, integer, list, object, omitempty, present, required } from "./json/codec.ts";
import { type DocumentFormat, readDocument, writeDocument } from "./json/document.ts";
import type { JsonMap } from "./json/value.ts";
import { documentKind, expectMediaType } from "./kind.ts";

/** An image for one platform: its config and its layers. image-spec `manifest.md`; Docker's schema 2 manifest has the same fields. */
export interface Manifest {
  /** The only version that there is in this format. */
  readonly schemaVersion: 2;
  /** What the manifest says it is. Docker always sets it; in OCI it may be absent. */
  readonly mediaType?: string;
  /** Media type of the artifact, where the manifest is not of an image. */
  readonly artifactType?: string;
  /** The image config, or whatever blob an artifact has in its place. */
  readonly config: Descriptor;
  /** From the base up. */
  readonly layers: readonly Descriptor[];
  /** The manifest that this one is about. */
  readonly subject?: Descriptor;
  /** Free text about this manifest. */
  readonly annotations?: Annotations;
  /** Fields that image-spec does not define, kept for when the manifest is written again. */
  readonly unknownFields?: JsonMap;
}

/** The only version of manifests and indexes that there is in this format. */
export const schemaVersionCodec: Codec<2> = checked<number, 2>(integer, (value, at) => {
  if (value !== 2) throw at.error(`is ${value}, and only version 2 is known`);
  return value;
});

const MANIFEST: DocumentFormat<Manifest> = {
  codec: object<Manifest>({
    schemaVersion: required(schemaVersionCodec),
    mediaType: omitempty(mediaTypeCodec),
    artifactType: omitempty(mediaTypeCodec),
    config: required(descriptorCodec),
    layers: required(list(descriptorCodec)),
    subject: present(descriptorCodec),
    annotations: omitempty(annotationsCodec),
  }),
  check(root, at) {
    if (documentKind(root, at) !== "manifest") throw at.error("is an index, and a manifest is needed");
  },
};

/**
 * Reads a manifest, OCI's or Docker's.
 * @param what names it in messages, for example `manifest sha256:…`
 * @param mediaType what its descriptor says it is; a document that says another one of itself is refused
 * @throws SlipwayError `INVALID_DOCUMENT` or `INVALID_DIGEST` naming the field; `AMBIGUOUS_DOCUMENT` if it could be read as an index
 */
export function parseManifest(bytes: Uint8Array, what = "manifest", mediaType?: string): Manifest {
  const manifest = readDocument(MANIFEST, bytes, what);
  expectMediaType(manifest.mediaType, mediaType, what);
  return manifest;
}

/**
 * The manifest's bytes, as BuildKit writes them: indented by two spaces, no newline at the end, keys in image-spec's order.
 * @throws SlipwayError as `parseManifest`
 */
export function serialiseManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return writeDocument(MANIFEST, manifest, "manifest", "  ");
}
