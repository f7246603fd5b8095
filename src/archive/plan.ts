import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { layerCompression } from "../oci/media-types.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { forPlatforms, hasBlob, isElsewhere } from "./copy.ts";
import { dockerEntry } from "./docker-entry.ts";
import { DOCKER_MANIFEST_FILE, encodeDockerManifest } from "./docker-manifest.ts";
import { type ImageGraph, readGraph } from "./graph.ts";
import { encodeLayoutIndex, encodeOciLayout, namedEntries, OCI_INDEX_FILE, OCI_LAYOUT_FILE } from "./index-entries.ts";
import type { ArchiveSource, WriteArchiveOptions } from "./write.ts";

/** An entry of the archive that is to be written. */
export type PlannedEntry =
  | { readonly type: "directory"; readonly path: string }
  | { readonly type: "document"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly type: "blob"; readonly path: string; readonly content: ContentProvider; readonly blob: Descriptor };

/** An image with its documents read. */
interface PlannedImage {
  readonly content: ContentProvider;
  readonly graph: ImageGraph;
  /** Normalised, none twice. */
  readonly names: Set<string>;
}

/** Where a blob is in an OCI layout. */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** Decides all that an archive consists of, and makes sure that it is there. */
export async function planArchive(
  sources: readonly ArchiveSource[],
  options: WriteArchiveOptions,
): Promise<readonly PlannedEntry[]> {
  const { format = "both" } = options;
  if (format !== "both" && format !== "oci" && format !== "docker") {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot write an archive of format ${format}: it is oci, docker or both`,
    );
  }
  const images = await readImages(sources, options);
  const entries = format === "docker" ? planDocker(images, options) : planLayout(images, options);
  const present: PlannedEntry[] = [];
  for (const entry of entries) {
    if (entry.type !== "blob" || (await hasBlob(entry.content, entry.blob))) present.push(entry);
    else if (format !== "oci" || !isElsewhere(entry.blob)) {
      throw new SlipwayError("NOT_FOUND", `Cannot write the archive: blob ${entry.blob.digest} is not in the store`);
    }
  }
  return present;
}

async function readImages(
  sources: readonly ArchiveSource[],
  options: WriteArchiveOptions,
): Promise<readonly PlannedImage[]> {
  if (sources.length === 0) throw new SlipwayError("INVALID_ARGUMENT", "Cannot write an archive of no image");
  if (options.names !== undefined && sources.length > 1) {
    throw new SlipwayError("INVALID_ARGUMENT", "Cannot give names to several images at once: name each of them");
  }
  const images = new Map<Digest, PlannedImage>();
  const owners = new Map<string, Digest>();
  const reading = { signal: options.signal, include: forPlatforms(options.platforms) };
  for (const { content, descriptor, names } of sources) {
    let image = images.get(descriptor.digest);
    if (image === undefined) {
      const graph = await readGraph(content, descriptor, reading);
      if (graph.manifests.length === 0 && graph.excluded.length > 0) {
        throw new SlipwayError(
          "NOT_FOUND",
          `Cannot write the archive: ${descriptor.digest} is for none of the platforms`,
        );
      }
      image = { content, graph, names: new Set() };
      images.set(descriptor.digest, image);
    }
    for (const text of options.names ?? names ?? []) {
      const name = formatReference(parseReference(text));
      const owner = owners.get(name) ?? descriptor.digest;
      if (owner !== descriptor.digest) {
        throw new SlipwayError("INVALID_ARGUMENT", `Cannot write the archive: two images are named ${name}`);
      }
      owners.set(name, owner);
      image.names.add(name);
    }
  }
  return [...images.values()];
}

/** An OCI layout, and for `both` what Docker needs beside it. */
function planLayout(images: readonly PlannedImage[], options: WriteArchiveOptions): readonly PlannedEntry[] {
  const index = images.flatMap(({ graph, names }) => namedEntries(graph.root, [...names]));
  const entries: PlannedEntry[] = [
    { type: "document", path: OCI_LAYOUT_FILE, bytes: encodeOciLayout() },
    { type: "document", path: OCI_INDEX_FILE, bytes: encodeLayoutIndex(index) },
  ];
  if (options.format !== "oci") {
    const docker = images.flatMap(({ graph, names }) => dockerEntry(graph, [...names], options) ?? []);
    const manifest = docker.map(({ config, layers, repoTags }) => ({
      config: blobPath(config.digest),
      repoTags,
      layers: layers.map(({ digest }) => blobPath(digest)),
    }));
    // Docker takes an archive without `manifest.json` for one of before 2015; an empty one says that there is nothing for it.
    entries.push({ type: "document", path: DOCKER_MANIFEST_FILE, bytes: encodeDockerManifest(manifest) });
  }
  const blobs = distinct(
    images,
    ({ graph }) => graph.documents,
    ({ graph }) => graph.layers,
  );
  const algorithms = [...new Set(blobs.map(({ blob }) => digestAlgorithm(blob.digest)))].sort();
  entries.push({ type: "directory", path: "blobs" });
  for (const algorithm of algorithms) entries.push({ type: "directory", path: `blobs/${algorithm}` });
  for (const { blob, content } of blobs) entries.push({ type: "blob", path: blobPath(blob.digest), content, blob });
  return entries;
}

/** What Docker alone has. */
function planDocker(images: readonly PlannedImage[], options: WriteArchiveOptions): readonly PlannedEntry[] {
  const docker = images.map(({ content, graph, names }) => {
    const entry = dockerEntry(graph, [...names], options);
    if (entry !== undefined) return { content, ...entry };
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot write ${graph.root.digest} for Docker: it is no image; write it with format oci`,
    );
  });
  const manifest = docker.map(({ config, layers, repoTags }) => ({
    config: configPath(config),
    repoTags,
    layers: layers.map(layerPath),
  }));
  const blobs = [
    ...distinct(docker, ({ config }) => [config]).map((item) => ({ ...item, path: configPath(item.blob) })),
    ...distinct(docker, ({ layers }) => layers).map((item) => ({ ...item, path: layerPath(item.blob) })),
  ];
  return [
    { type: "document", path: DOCKER_MANIFEST_FILE, bytes: encodeDockerManifest(manifest) },
    ...blobs.map((blob) => ({ type: "blob" as const, ...blob })),
  ];
}

const configPath = ({ digest }: Descriptor): string => `${digestHex(digest)}.json`;

const layerPath = ({ digest, mediaType }: Descriptor): string =>
  `${digestHex(digest)}.tar${layerCompression(mediaType) === "gzip" ? ".gz" : ""}`;

/** The blobs of all images, each once: first what the first function gives of every image, then what the next one gives. */
function distinct<T extends { readonly content: ContentProvider }>(
  images: readonly T[],
  ...parts: readonly ((image: T) => readonly Descriptor[])[]
): readonly { readonly content: ContentProvider; readonly blob: Descriptor }[] {
  const blobs = new Map<Digest, { readonly content: ContentProvider; readonly blob: Descriptor }>();
  for (const part of parts) {
    for (const image of images) {
      for (const blob of part(image)) {
        if (!blobs.has(blob.digest)) blobs.set(blob.digest, { content: image.content, blob });
      }
    }
  }
  return [...blobs.values()];
}
