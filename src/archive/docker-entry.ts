import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { layerCompression, OCI_TYPES } from "../oci/media-types.ts";
import { formatPlatform } from "../oci/platform.ts";
import { selectPlatform } from "../oci/platform-match.ts";
import { familiarName, parseReference } from "../oci/reference.ts";
import type { ImageGraph, ImageManifest } from "./graph.ts";
import { isRunnable } from "./resolve.ts";
import type { WriteArchiveOptions } from "./write.ts";

/** An image as `manifest.json` has it. */
export interface DockerImage {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly repoTags: readonly string[];
}

/**
 * What `manifest.json` says of an image; undefined if it is none that Docker could run.
 * @param names normalised
 */
export function dockerEntry(
  graph: ImageGraph,
  names: readonly string[],
  options: WriteArchiveOptions,
): DockerImage | undefined {
  const manifest = chooseManifest(graph, options);
  if (manifest === undefined) return undefined;
  for (const [index, layer] of manifest.layers.entries()) checkLayer(manifest, layer, index, options);
  // `docker load` refuses a name with a digest as a tag.
  const tagged = names.map(parseReference).filter(({ tag, digest }) => tag !== undefined && digest === undefined);
  return { config: manifest.config, layers: manifest.layers, repoTags: tagged.map(familiarName) };
}

function chooseManifest({ root, manifests }: ImageGraph, options: WriteArchiveOptions): ImageManifest | undefined {
  const candidates = manifests.filter(({ diffIDs, platform }) => diffIDs !== undefined && isRunnable(platform));
  if (candidates.length <= 1) {
    if (candidates.length === 0 && options.format !== "docker") {
      options.onWarning?.(
        `${root.digest} is no image for any platform: manifest.json, which Docker reads, leaves it out`,
      );
    }
    return candidates[0];
  }
  const wanted = options.dockerPlatform ?? { os: "linux", architecture: "amd64" };
  const chosen = selectPlatform(candidates, wanted);
  const shown = candidates.map(({ platform }) => (platform === undefined ? "?" : formatPlatform(platform))).join(", ");
  if (chosen?.platform === undefined) {
    const code = options.dockerPlatform === undefined ? "INVALID_ARGUMENT" : "NOT_FOUND";
    throw new SlipwayError(
      code,
      `Cannot choose the platform for Docker: ${root.digest} is for ${shown}, and not for ${formatPlatform(wanted)}; ` +
        "name one of them, or write format oci",
    );
  }
  const rest = options.format === "docker" ? "the others are left out" : "only readers of OCI layouts see the others";
  options.onWarning?.(`of ${shown}, manifest.json names ${formatPlatform(chosen.platform)} alone: ${rest}`);
  return chosen;
}

function checkLayer(
  manifest: ImageManifest,
  { digest, mediaType }: Descriptor,
  index: number,
  options: WriteArchiveOptions,
): void {
  const compression = layerCompression(mediaType);
  if (compression === undefined || compression === "zstd") {
    const reason = `layer ${digest} of ${manifest.descriptor.digest} is ${mediaType}, which Docker may not read`;
    if (options.format === "docker") throw new SlipwayError("UNSUPPORTED", `Cannot write the archive: ${reason}`);
    options.onWarning?.(reason);
  }
  // Docker unpacks by the config alone, so the two must agree; of a plain layer that can be seen without reading it.
  const diffID = manifest.diffIDs?.[index];
  if (mediaType === OCI_TYPES.layer && digest !== diffID) {
    throw new SlipwayError(
      "DIGEST_MISMATCH",
      `Cannot write the archive: layer ${digest} is not compressed, but the config calls it ${diffID}`,
    );
  }
}
