import { forPlatforms } from "../../archive/copy.ts";
import { familiarName, type Reference } from "../../oci/reference.ts";
import type { ImageTarget } from "../../transfer/transfer.ts";
import type { Repository } from "../repository.ts";
import { pushImage } from "./push-image.ts";

/**
 * A name in a registry to copy images to. Of an index only manifests for the chosen platforms are pushed, and the index as it is;
 * most registries refuse an index that names what they do not have, and then this is an error.
 */
export function registryTarget(
  repository: Repository,
  reference: Reference,
  { concurrency }: { readonly concurrency?: number | undefined } = {},
): ImageTarget {
  return {
    description: familiarName(reference),
    async write(image, { platforms, signal, onProgress } = {}) {
      const pushed = await pushImage(repository, image, reference, {
        concurrency,
        include: forPlatforms(platforms),
        signal,
        onProgress,
      });
      const { existing, mounted, uploaded } = pushed.blobs;
      return {
        descriptor: pushed.descriptor,
        names: [pushed.name],
        blobs: { moved: uploaded, existing: existing + mounted },
        movedBytes: pushed.uploadedBytes,
      };
    },
  };
}
