import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { isIndex, isManifest } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { selectPlatform } from "../oci/platform-match.ts";
import type { OperationOptions } from "../progress.ts";
import { readGraph } from "./graph.ts";
import { isRunnable } from "./resolve.ts";

interface Candidate {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * The manifest of an image that suits a platform best. Of the manifests that an index names only those are read whose platform the
 * index does not tell.
 * @param what names the image in messages
 * @throws SlipwayError `NOT_FOUND` if none suits the platform, listing those that there are; as `readGraph`
 */
export async function platformManifest(
  content: ContentProvider,
  image: Descriptor,
  platform: Platform,
  what: string,
  options: Pick<OperationOptions, "signal"> = {},
): Promise<Descriptor> {
  // All that is named, in that order; each index is read once, however often it is.
  const named: Descriptor[] = isManifest(image.mediaType) ? [image] : [];
  const { manifests } = await readGraph(content, image, {
    ...options,
    include(child) {
      if (isManifest(child.mediaType)) named.push(child);
      return isIndex(child.mediaType) || (isManifest(child.mediaType) && child.platform === undefined);
    },
  });
  const read = new Map(manifests.map((manifest) => [manifest.descriptor.digest, manifest.platform]));
  const candidates = named.map((descriptor): Candidate => {
    const known = descriptor === image ? undefined : descriptor.platform;
    return { descriptor, platform: known ?? read.get(descriptor.digest) };
  });
  const runnable = candidates.filter((candidate) => isRunnable(candidate.platform));
  const chosen = selectPlatform(runnable, platform);
  if (chosen !== undefined) return chosen.descriptor;
  const shown = runnable.map(({ platform: of }) => (of === undefined ? "?" : formatPlatform(of))).join(", ");
  throw new SlipwayError(
    "NOT_FOUND",
    `Cannot take ${what} for ${formatPlatform(platform)}: it is for ${shown === "" ? "no platform" : shown}`,
  );
}
