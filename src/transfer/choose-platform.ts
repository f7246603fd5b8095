import { type ImageManifest, readGraph } from "../archive/graph.ts";
import { isRunnable } from "../archive/resolve.ts";
import { readBlobBytes } from "../content/read.ts";
import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseIndex } from "../oci/image-index.ts";
import { isIndex, isManifest } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { selectPlatform } from "../oci/platform-match.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import type { SourceImage } from "./transfer.ts";

/** An index in an index, and so on. */
const DEPTH_LIMIT = 4;

interface Candidate {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * The part of an image that is for one platform: of an index the manifest that suits it best, with the names that it can have.
 * Of the manifests only those are read whose platform the index does not tell.
 * @throws SlipwayError `NOT_FOUND` if none suits the platform, listing those that there are; as `readGraph`
 */
export async function choosePlatform(
  image: SourceImage,
  platform: Platform,
  options: Pick<OperationOptions, "signal"> = {},
): Promise<SourceImage> {
  const candidates: Candidate[] = [];
  await collect(image, image.descriptor, 0, candidates, options);
  const runnable = candidates.filter((candidate) => isRunnable(candidate.platform));
  const chosen = selectPlatform(runnable, platform);
  if (chosen === undefined) {
    const shown = runnable
      .map((candidate) => (candidate.platform ? formatPlatform(candidate.platform) : "?"))
      .join(", ");
    const what = image.names[0] ?? image.descriptor.digest;
    throw new SlipwayError(
      "NOT_FOUND",
      `Cannot take ${what} for ${formatPlatform(platform)}: it is for ${shown === "" ? "no platform" : shown}`,
    );
  }
  const { mediaType, digest, size } = chosen.descriptor;
  if (digest === image.descriptor.digest) return image;
  return { ...image, descriptor: { mediaType, digest, size }, names: namesFor(image.names, digest) };
}

async function collect(
  { content }: SourceImage,
  descriptor: Descriptor,
  depth: number,
  found: Candidate[],
  options: Pick<OperationOptions, "signal">,
): Promise<void> {
  if (isIndex(descriptor.mediaType)) {
    if (depth > DEPTH_LIMIT) {
      throw new SlipwayError(
        "INVALID_DOCUMENT",
        `Cannot read index ${descriptor.digest}: indexes are nested more than ${DEPTH_LIMIT} deep`,
      );
    }
    options.signal?.throwIfAborted();
    const bytes = await readBlobBytes(content, descriptor, options);
    for (const child of parseIndex(bytes, `index ${descriptor.digest}`, descriptor.mediaType).manifests) {
      await collect({ content, descriptor, names: [] }, child, depth + 1, found, options);
    }
  } else if (depth > 0 && descriptor.platform !== undefined && isManifest(descriptor.mediaType)) {
    found.push({ descriptor, platform: descriptor.platform });
  } else if (depth === 0 || isManifest(descriptor.mediaType)) {
    const [manifest]: readonly (ImageManifest | undefined)[] = (await readGraph(content, descriptor, options))
      .manifests;
    found.push({ descriptor, platform: manifest?.platform });
  }
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
