import { DIFF_ID_LABEL } from "../diff/index.ts";
import type { Annotations } from "../oci/annotations.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { PlacedLayer } from "./base-layer.ts";
import type { ExportedLayer } from "./exporter.ts";
import { exportedLayerType } from "./layer-media-types.ts";

/**
 * A layer as it stands in an exported manifest.
 * @param original the base's own descriptor of the layer, if it is a base's
 */
export function exportedLayer(
  { descriptor, diffID, cached, remote }: PlacedLayer,
  original: Descriptor | undefined,
  { ociMediatypes }: { readonly ociMediatypes: boolean },
): ExportedLayer {
  const { digest, size } = descriptor;
  const mediaType = exportedLayerType(descriptor.mediaType, ociMediatypes);
  // What a base says of a layer holds for that very blob only, and Docker's manifests have no place for it.
  const annotations = ociMediatypes && original?.digest === digest ? publicAnnotations(original) : undefined;
  return {
    descriptor: { mediaType, digest, size, ...(annotations && { annotations }) },
    diffID,
    cached,
    ...(remote && { remote }),
  };
}

/** Without the notes that BuildKit and containerd keep for themselves. */
function publicAnnotations({ annotations = {} }: Descriptor): Annotations | undefined {
  const entries = Object.entries(annotations).filter(
    ([key]) =>
      key !== DIFF_ID_LABEL && key !== "buildkit/createdat" && !key.startsWith("containerd.io/distribution.source."),
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
