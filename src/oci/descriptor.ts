import { type Annotations, annotationsCodec } from "./annotations.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { type Codec, checked, integer, list, object, omitempty, present, required, string } from "./json/codec.ts";
import { readPart } from "./json/document.ts";
import type { Position } from "./json/position.ts";
import type { JsonMap } from "./json/value.ts";
import type { Platform } from "./platform.ts";
import { platformCodec } from "./platform-codec.ts";

/** What names content: its type, digest and size. image-spec `descriptor.md`. */
export interface Descriptor {
  /** RFC 6838 type of the content, for example `application/vnd.oci.image.manifest.v1+json`. */
  readonly mediaType: string;
  /** Hash over the raw content: `sha256:` or `sha512:` and hex digits. */
  readonly digest: Digest;
  /** Size of the raw content in bytes. */
  readonly size: number;
  /** Other places that the content can be loaded from, as URIs. */
  readonly urls?: readonly string[];
  /** Free text about the content; in an `index.json` also its name. */
  readonly annotations?: Annotations;
  /** The content itself in base64, where it is embedded. */
  readonly data?: string;
  /** What the image runs on. Only in the entries of an index. */
  readonly platform?: Platform;
  /** Media type of the artifact, where the content is the manifest of one. */
  readonly artifactType?: string;
  /** Fields that image-spec does not define, kept for when the descriptor is written again. */
  readonly unknownFields?: JsonMap;
}

/** RFC 6838, 4.2: type and subtype, up to 127 characters each. */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** A media type in a document. */
export const mediaTypeCodec: Codec<string> = checked(string, (value, at) => {
  if (!MEDIA_TYPE.test(value)) throw at.error(`is ${JSON.stringify(value.slice(0, 300))}, which is no media type`);
  return value;
});

/** A digest in a document. */
export const digestCodec: Codec<Digest> = checked(string, (value, at) => {
  try {
    return parseDigest(value);
  } catch (cause) {
    const shown = JSON.stringify(value.slice(0, 200));
    throw at.error(
      `is ${shown}, but a digest is sha256:<64 hex digits> or sha512:<128 hex digits>`,
      "INVALID_DIGEST",
      cause,
    );
  }
});

const sizeCodec: Codec<number> = checked(integer, (value, at) => {
  if (value < 0) throw at.error(`is ${value}, but a size must not be negative`);
  return value;
});

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const fields: Codec<Descriptor> = object<Descriptor>({
  mediaType: required(mediaTypeCodec),
  digest: required(digestCodec),
  size: required(sizeCodec),
  urls: omitempty(list(string)),
  annotations: omitempty(annotationsCodec),
  data: omitempty(string),
  platform: present(platformCodec),
  artifactType: omitempty(mediaTypeCodec),
});

/** A descriptor in a document. */
export const descriptorCodec: Codec<Descriptor> = checked(fields, (descriptor, at) => {
  if (descriptor.data !== undefined) checkData(descriptor.data, descriptor.size, at.child("data"));
  return descriptor;
});

function checkData(data: string, size: number, at: Position): void {
  if (data.length % 4 !== 0 || !BASE64.test(data)) throw at.error("is not base64");
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  const decoded = (data.length / 4) * 3 - padding;
  if (decoded !== size) throw at.error(`has ${decoded} bytes, but size says ${size}`);
}

/**
 * Checks a descriptor from outside, of plain objects: types of all fields, media type, digest, a size that is a whole number
 * of bytes, embedded data of that size.
 * @param what names it in messages
 * @throws SlipwayError `INVALID_DOCUMENT` or `INVALID_DIGEST`, naming the field
 */
export function parseDescriptor(value: unknown, what = "descriptor"): Descriptor {
  return readPart({ codec: descriptorCodec }, value, what);
}
