import { readBlobBytes } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseIndex } from "../oci/image-index.ts";
import { isIndex, isManifest } from "../oci/media-types.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { selectPlatform } from "../oci/platform-match.ts";
import type { OperationOptions } from "../progress.ts";
import { readGraph } from "./graph.ts";
import { isRunnable } from "./resolve.ts";

/** An index in an index, and so on. */
const DEPTH_LIMIT = 4;

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
  const candidates: Candidate[] = [];
  await collect(content, image, 0, candidates, options);
  const runnable = candidates.filter((candidate) => isRunnable(candidate.platform));
  const chosen = selectPlatform(runnable, platform);
  if (chosen !== undefined) return chosen.descriptor;
  const shown = runnable.map(({ platform: of }) => (of === undefined ? "?" : formatPlatform(of))).join(", ");
  throw new SlipwayError(
    "NOT_FOUND",
    `Cannot take ${what} for ${formatPlatform(platform)}: it is for ${shown === "" ? "no platform" : shown}`,
  );
}

async function collect(
  content: ContentProvider,
  descriptor: Descriptor,
  depth: number,
  found: Candidate[],
  options: Pick<OperationOptions, "signal">,
): Promise<void> {
  const { mediaType, platform, digest } = descriptor;
  if (isIndex(mediaType)) {
    if (depth > DEPTH_LIMIT) {
      const reason = `indexes are nested more than ${DEPTH_LIMIT} deep`;
      throw new SlipwayError("INVALID_DOCUMENT", `Cannot read index ${digest}: ${reason}`);
    }
    const bytes = await readBlobBytes(content, descriptor, options);
    for (const child of parseIndex(bytes, `index ${digest}`, mediaType).manifests) {
      await collect(content, child, depth + 1, found, options);
    }
  } else if (depth > 0 && platform !== undefined && isManifest(mediaType)) {
    found.push({ descriptor, platform });
  } else if (depth === 0 || isManifest(mediaType)) {
    const [manifest] = (await readGraph(content, descriptor, options)).manifests;
    found.push({ descriptor, platform: manifest?.platform });
  }
}
