import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isIndex } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { selectPlatform } from "../oci/platform-match.ts";
import { formatReference, parseReference, type Reference, repositoryName } from "../oci/reference.ts";
import type { ImageManifest } from "./graph.ts";
import type { IndexedImage } from "./index-entries.ts";

/** An image in an archive or a layout directory. */
export interface ArchivedImage {
  /** Manifest or index, without the annotations that name it. */
  readonly descriptor: Descriptor;
  /** Normalised: `docker.io/library/hello:latest`. */
  readonly names: readonly string[];
  /** What layouts have where there is no whole name: `latest`. */
  readonly tags: readonly string[];
  /** Of a manifest; an index has one for each of its manifests. */
  readonly platform?: Platform;
  /** What the descriptor leads to: images, and what else an index names, such as attestations. */
  readonly manifests: readonly ImageManifest[];
}

/** An image by what names it and what it consists of. */
export function archivedImage(indexed: IndexedImage, manifests: readonly ImageManifest[]): ArchivedImage {
  const platform = isIndex(indexed.descriptor.mediaType) ? undefined : manifests[0]?.platform;
  return { ...indexed, ...(platform === undefined ? {} : { platform }), manifests };
}

/** Which of several images is meant. */
export interface ImageSelection {
  /** A name in any spelling, a tag, or a digest. Not needed if there is one image only. */
  readonly name?: string | undefined;
  /** Not needed if the image is for one platform only. */
  readonly platform?: Platform | undefined;
}

/** The image that was asked for. */
export interface ResolvedImage {
  /** The image with all its names and platforms. */
  readonly image: ArchivedImage;
  /** The manifest for the wanted platform. */
  readonly manifest: ImageManifest;
}

/**
 * Finds one image for one platform. Messages list what there is.
 * @throws SlipwayError `NOT_FOUND` if nothing of that name or platform is there, `INVALID_ARGUMENT` if several are
 */
export function resolveImage(images: readonly ArchivedImage[], selection: ImageSelection = {}): ResolvedImage {
  const image = selectImage(images, selection.name);
  return { image, manifest: selectManifest(image, selection.platform) };
}

/**
 * The image of that name, tag or digest; without a name the only one. `NAME@DIGEST` is one of that digest that has any tag of the name.
 * @throws SlipwayError `NOT_FOUND`, `INVALID_ARGUMENT` if it could be several
 */
export function selectImage<Named extends IndexedImage>(images: readonly Named[], name: string | undefined): Named {
  const found = name === undefined ? images : images.filter((image) => isNamed(image, name));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const shown = images.map(describeImage).join(", ");
  if (name === undefined && images.length > 0) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot choose an image: there are several, name one of ${shown}`);
  }
  if (found.length > 0) {
    const several = found.map(describeImage).join(", ");
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot choose image ${name}: it could be any of ${several}`);
  }
  const there = images.length === 0 ? "no image is there" : `there is ${shown}`;
  throw new SlipwayError("NOT_FOUND", `Cannot find image${name === undefined ? "" : ` ${name}`}: ${there}`);
}

function isNamed({ descriptor, names, tags }: IndexedImage, name: string): boolean {
  if (descriptor.digest === name || tags.includes(name) || names.includes(name)) return true;
  if (names.some((full) => referenceOf(full)?.tag === name)) return true;
  const wanted = referenceOf(name);
  // No name, then; it may still be a tag or digest of another image.
  if (wanted === undefined) return false;
  if (names.includes(formatReference(wanted))) return true;
  if (wanted.digest !== descriptor.digest) return false;
  return names.map(referenceOf).some((full) => full !== undefined && repositoryName(full) === repositoryName(wanted));
}

/** Image stores take any text for a name. */
function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function describeImage({ descriptor, names, tags }: IndexedImage): string {
  return names[0] ?? tags[0] ?? descriptor.digest;
}

/**
 * The manifest for a platform, or one that runs there too; without a platform the only one.
 * @throws SlipwayError `NOT_FOUND`, `INVALID_ARGUMENT` if the image is for several platforms
 */
export function selectManifest(image: ArchivedImage, platform: Platform | undefined): ImageManifest {
  const candidates = image.manifests.filter(({ diffIDs, platform: of }) => diffIDs !== undefined && isRunnable(of));
  const [first] = candidates;
  if (platform === undefined && first !== undefined && candidates.length === 1) return first;
  const found = platform === undefined ? undefined : selectPlatform(candidates, platform);
  if (found !== undefined) return found;
  const what = describeImage(image);
  const shown = candidates
    .map((candidate) => (candidate.platform ? formatPlatform(candidate.platform) : "?"))
    .join(", ");
  if (first === undefined) throw new SlipwayError("NOT_FOUND", `Cannot use ${what}: it is no image for any platform`);
  if (platform === undefined) {
    throw new SlipwayError("INVALID_ARGUMENT", `Cannot choose a platform of ${what}: it is for ${shown}`);
  }
  throw new SlipwayError("NOT_FOUND", `Cannot use ${what} for ${formatPlatform(platform)}: it is for ${shown}`);
}

/** BuildKit's attestations are manifests for the platform `unknown/unknown`. */
export function isRunnable(platform: Platform | undefined): boolean {
  return platform !== undefined && platform.os !== "unknown" && platform.architecture !== "unknown";
}
