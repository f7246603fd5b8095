import { type Descriptor, descriptorCodec } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { printJson } from "../oci/json/print.ts";

/** What BuildKit's exporter answers, under its keys. The descriptor is JSON in base64. */
export function exporterResponse(
  descriptor: Descriptor,
  configDigest: Digest | undefined,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return {
    "containerimage.digest": descriptor.digest,
    ...(configDigest === undefined ? {} : { "containerimage.config.digest": configDigest }),
    "containerimage.descriptor": base64(printJson(descriptorCodec.write(descriptor), "")),
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
  };
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
