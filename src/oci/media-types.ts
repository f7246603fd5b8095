/** The media types of the OCI image format. image-spec `media-types.md`. */
export const OCI_TYPES = {
  descriptor: "application/vnd.oci.descriptor.v1+json",
  layoutHeader: "application/vnd.oci.layout.header.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  /** Deprecated by the format: layers that were not to be pushed. */
  nondistributableLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  nondistributableLayerGzip: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  nondistributableLayerZstd: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  /** The config of a manifest that has none: the two bytes `{}`. */
  empty: "application/vnd.oci.empty.v1+json",
} as const;

/** The media types of Docker's image manifest, version 2, schema 2. */
export const DOCKER_TYPES = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar",
  layerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  layerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  foreignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar",
  foreignLayerGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
} as const;

/** How a layer is compressed. */
export type MediaTypeCompression = "uncompressed" | "gzip" | "zstd";

const LAYERS: ReadonlyMap<string, MediaTypeCompression> = new Map([
  [OCI_TYPES.layer, "uncompressed"],
  [OCI_TYPES.layerGzip, "gzip"],
  [OCI_TYPES.layerZstd, "zstd"],
  [OCI_TYPES.nondistributableLayer, "uncompressed"],
  [OCI_TYPES.nondistributableLayerGzip, "gzip"],
  [OCI_TYPES.nondistributableLayerZstd, "zstd"],
  [DOCKER_TYPES.layer, "uncompressed"],
  [DOCKER_TYPES.layerGzip, "gzip"],
  [DOCKER_TYPES.layerZstd, "zstd"],
  [DOCKER_TYPES.foreignLayer, "uncompressed"],
  [DOCKER_TYPES.foreignLayerGzip, "gzip"],
]);

/** Whether a media type is that of an image manifest. */
export function isManifest(mediaType: string): boolean {
  return mediaType === OCI_TYPES.manifest || mediaType === DOCKER_TYPES.manifest;
}

/** Whether a media type is that of an index (Docker: manifest list). */
export function isIndex(mediaType: string): boolean {
  return mediaType === OCI_TYPES.index || mediaType === DOCKER_TYPES.index;
}

/** Whether a media type is that of an image config. Configs of artifacts have types of their own. */
export function isConfig(mediaType: string): boolean {
  return mediaType === OCI_TYPES.config || mediaType === DOCKER_TYPES.config;
}

/** Whether a media type is that of a layer of files that Slipway can read. */
export function isLayer(mediaType: string): boolean {
  return LAYERS.has(mediaType);
}

/** How a layer of this media type is compressed; undefined if it is no layer that Slipway knows. */
export function layerCompression(mediaType: string): MediaTypeCompression | undefined {
  return LAYERS.get(mediaType);
}

/** Whether a media type is one of Docker's own. */
export function isDockerType(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.docker.");
}

const TO_DOCKER: ReadonlyMap<string, string> = new Map([
  [OCI_TYPES.index, DOCKER_TYPES.index],
  [OCI_TYPES.manifest, DOCKER_TYPES.manifest],
  [OCI_TYPES.config, DOCKER_TYPES.config],
  [OCI_TYPES.layer, DOCKER_TYPES.layer],
  [OCI_TYPES.layerGzip, DOCKER_TYPES.layerGzip],
  [OCI_TYPES.layerZstd, DOCKER_TYPES.layerZstd],
  [OCI_TYPES.nondistributableLayer, DOCKER_TYPES.foreignLayer],
  [OCI_TYPES.nondistributableLayerGzip, DOCKER_TYPES.foreignLayerGzip],
]);

const TO_OCI: ReadonlyMap<string, string> = new Map([...TO_DOCKER].map(([oci, docker]) => [docker, oci]));

/** Docker's media type for the same thing. Types without a counterpart, and Docker's own, stay as they are. */
export function toDockerType(mediaType: string): string {
  return TO_DOCKER.get(mediaType) ?? mediaType;
}

/** OCI's media type for the same thing. Types without a counterpart, and OCI's own, stay as they are. */
export function toOciType(mediaType: string): string {
  return TO_OCI.get(mediaType) ?? mediaType;
}
