import type { LayerCompression } from "../diff/differ.ts";
import { DOCKER_TYPES, OCI_TYPES, toDockerType, toOciType } from "../oci/media-types.ts";

/** Layers that were not to be pushed, and what they are otherwise. Nobody withholds layers any more, and the format has deprecated it. */
const DISTRIBUTABLE: ReadonlyMap<string, string> = new Map([
  [OCI_TYPES.nondistributableLayer, OCI_TYPES.layer],
  [OCI_TYPES.nondistributableLayerGzip, OCI_TYPES.layerGzip],
  [OCI_TYPES.nondistributableLayerZstd, OCI_TYPES.layerZstd],
  [DOCKER_TYPES.foreignLayer, DOCKER_TYPES.layer],
  [DOCKER_TYPES.foreignLayerGzip, DOCKER_TYPES.layerGzip],
]);

/** The media type of a layer in an exported manifest: OCI's or Docker's, and distributable, as BuildKit makes it by default. */
export function exportedLayerType(mediaType: string, ociMediatypes: boolean): string {
  const distributable = DISTRIBUTABLE.get(mediaType) ?? mediaType;
  return ociMediatypes ? toOciType(distributable) : toDockerType(distributable);
}

/** OCI's media type of a new layer. */
export function newLayerType(compression: LayerCompression): string {
  return compression === "gzip" ? OCI_TYPES.layerGzip : OCI_TYPES.layer;
}
