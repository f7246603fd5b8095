import { describe, expect, it } from "vitest";
import {
  DOCKER_TYPES,
  isConfig,
  isDockerType,
  isIndex,
  isLayer,
  isManifest,
  layerCompression,
  OCI_TYPES,
  toDockerType,
  toOciType,
} from "../../src/oci/index.ts";

const oci = Object.values(OCI_TYPES);
const docker = Object.values(DOCKER_TYPES);
const all = [...oci, ...docker];

describe("media types", () => {
  it("are what they are", () => {
    expect(all.filter(isManifest)).toEqual([
      "application/vnd.oci.image.manifest.v1+json",
      "application/vnd.docker.distribution.manifest.v2+json",
    ]);
    expect(all.filter(isIndex)).toEqual([
      "application/vnd.oci.image.index.v1+json",
      "application/vnd.docker.distribution.manifest.list.v2+json",
    ]);
    expect(all.filter(isConfig)).toEqual([
      "application/vnd.oci.image.config.v1+json",
      "application/vnd.docker.container.image.v1+json",
    ]);
    expect(all.filter(isLayer)).toHaveLength(11);
    expect(all.filter(isDockerType)).toEqual(docker);
  });

  it.each([
    ["application/vnd.oci.image.layer.v1.tar", "uncompressed"],
    ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
    ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar", "uncompressed"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd"],
    ["application/vnd.docker.image.rootfs.diff.tar", "uncompressed"],
    ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
    ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar", "uncompressed"],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"],
    ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted", undefined],
    ["application/vnd.in-toto+json", undefined],
    ["application/vnd.oci.image.config.v1+json", undefined],
    ["constructor", undefined],
  ])("%s is compressed by %s", (mediaType, compression) => {
    expect(layerCompression(mediaType)).toBe(compression);
    expect(isLayer(mediaType)).toBe(compression !== undefined);
  });

  it("of Docker all have an OCI counterpart, and the other way back", () => {
    for (const mediaType of docker) {
      expect(oci).toContain(toOciType(mediaType));
      expect(toDockerType(toOciType(mediaType))).toBe(mediaType);
      expect(toDockerType(mediaType)).toBe(mediaType);
      expect(layerCompression(toOciType(mediaType))).toBe(layerCompression(mediaType));
    }
  });

  it("of OCI stay the same by way of Docker, those without a counterpart anyway", () => {
    for (const mediaType of oci) {
      expect(toOciType(toDockerType(mediaType))).toBe(mediaType);
      expect(toOciType(mediaType)).toBe(mediaType);
    }
    expect(toDockerType("application/vnd.in-toto+json")).toBe("application/vnd.in-toto+json");
    expect(toDockerType(OCI_TYPES.empty)).toBe(OCI_TYPES.empty);
  });
});
