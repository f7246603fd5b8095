import { platformManifest } from "../archive/platform-manifest.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import type { SourceImage } from "./transfer.ts";

/**
 * The part of an image that is for one platform: of an index the manifest that suits it best, with the names that it can have.
 * @throws SlipwayError `NOT_FOUND` if none suits the platform, listing those that there are; as `readGraph`
 */
export async function choosePlatform(
  image: SourceImage,
  platform: Platform,
  options: Pick<OperationOptions, "signal"> = {},
): Promise<SourceImage> {
  const what = image.names[0] ?? image.descriptor.digest;
  const chosen = await platformManifest(image.content, image.descriptor, platform, what, options);
  const { mediaType, digest, size } = chosen;
  if (digest === image.descriptor.digest) return image;
  return { ...image, descriptor: { mediaType, digest, size }, names: namesFor(image.names, digest) };
}

/** A name by the digest of the whole is not one of the part. */
function namesFor(names: readonly string[], digest: Digest): readonly string[] {
  const kept = names.flatMap((text) => {
    // Image stores take any text for a name.
    if (!text.includes("@")) return [text];
    const { digest: named, ...reference } = parseReference(text);
    if (named === undefined || named === digest) return [text];
    return reference.tag === undefined ? [] : [formatReference(reference)];
  });
  return [...new Set(kept)];
}
