import { type Codec, checked, record, string } from "./json/codec.ts";
import { readPart } from "./json/document.ts";

/** Free text about a descriptor, manifest or index. image-spec `annotations.md`. */
export type Annotations = Readonly<Record<string, string>>;

/** The keys that image-spec defines. */
export const ANNOTATION_KEYS = {
  /** When the image was built, RFC 3339. */
  created: "org.opencontainers.image.created",
  authors: "org.opencontainers.image.authors",
  url: "org.opencontainers.image.url",
  documentation: "org.opencontainers.image.documentation",
  source: "org.opencontainers.image.source",
  version: "org.opencontainers.image.version",
  revision: "org.opencontainers.image.revision",
  vendor: "org.opencontainers.image.vendor",
  /** SPDX license expression. */
  licenses: "org.opencontainers.image.licenses",
  /** Tag of an image in a layout's `index.json`. */
  refName: "org.opencontainers.image.ref.name",
  title: "org.opencontainers.image.title",
  description: "org.opencontainers.image.description",
  baseDigest: "org.opencontainers.image.base.digest",
  baseName: "org.opencontainers.image.base.name",
} as const;

/** The key by which containerd and its kin keep an image's whole name in a layout's `index.json`. */
export const CONTAINERD_IMAGE_NAME = "io.containerd.image.name";

/** Annotations in a document. */
export const annotationsCodec: Codec<Annotations> = checked(record(string), (annotations: Annotations, at) => {
  if (Object.hasOwn(annotations, "")) throw at.error("has an empty key");
  return annotations;
});

/**
 * Checks annotations from outside: an object of strings, no empty key.
 * @param what names them in messages
 * @throws SlipwayError `INVALID_DOCUMENT` naming the key
 */
export function parseAnnotations(value: unknown, what = "annotations"): Annotations {
  return readPart({ codec: annotationsCodec }, value, what);
}
