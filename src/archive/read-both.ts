import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { DOCKER_MANIFEST_FILE, type DockerManifestEntry } from "./docker-manifest.ts";
import { OCI_INDEX_FILE } from "./index-entries.ts";
import type { ArchivedImage } from "./resolve.ts";

/**
 * The images of an archive that has `manifest.json` beside an OCI layout, with the names of both. Clients read either the one
 * or the other, so that an archive in which they disagree is one image for some and another one for the rest.
 * @throws SlipwayError `AMBIGUOUS_DOCUMENT`
 */
export function addDockerNames(
  images: readonly ArchivedImage[],
  entries: readonly DockerManifestEntry[],
  files: ArchiveFiles,
): readonly ArchivedImage[] {
  const added = new Map<ArchivedImage, Set<string>>(images.map((image) => [image, new Set(image.names)]));
  for (const entry of entries) {
    const config = files.file(entry.config, "image config").digest;
    const layers = entry.layers.map((path) => files.file(path, "layer").digest);
    const same = images.filter((image) => hasManifest(image, config, layers));
    const [first] = same;
    if (first === undefined) throw disagree(`the image with config ${config}`);
    for (const tag of entry.repoTags) {
      const name = formatReference(parseReference(tag));
      const named = images.filter((image) => added.get(image)?.has(name));
      if (named.length > 0 && !named.some((image) => same.includes(image))) throw disagree(name);
      if (named.length === 0) added.get(first)?.add(name);
    }
  }
  return images.map((image) => ({ ...image, names: [...(added.get(image) ?? [])] }));
}

function hasManifest({ manifests }: ArchivedImage, config: Digest, layers: readonly Digest[]): boolean {
  return manifests.some(
    (manifest) =>
      manifest.config.digest === config &&
      manifest.layers.length === layers.length &&
      manifest.layers.every(({ digest }, index) => digest === layers[index]),
  );
}

const disagree = (what: string): SlipwayError =>
  new SlipwayError(
    "AMBIGUOUS_DOCUMENT",
    `Cannot read the archive: ${DOCKER_MANIFEST_FILE} and ${OCI_INDEX_FILE} disagree about ${what}`,
  );
