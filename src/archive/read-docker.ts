import { decompress, detectCompression } from "../compress/index.ts";
import { readBlob, readBlobBytes } from "../content/read.ts";
import { SlipwayError } from "../errors.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import { parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { serialiseManifest } from "../oci/manifest.ts";
import { OCI_TYPES } from "../oci/media-types.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { invalid } from "./archive-files.ts";
import type { DockerManifestEntry } from "./docker-manifest.ts";
import { readGraph } from "./graph.ts";
import type { IngestedBlob } from "./ingest.ts";
import type { ArchiveContext } from "./read.ts";
import { type ArchivedImage, archivedImage } from "./resolve.ts";

/** The images of an archive as `docker save` writes it, or wrote it until 2023. A manifest is made for each. */
export async function readDockerImages(
  context: ArchiveContext,
  entries: readonly DockerManifestEntry[],
): Promise<readonly ArchivedImage[]> {
  const { content, options, session, used } = context;
  const layers = new DockerLayers(context);
  const images = new Map<Digest, { descriptor: Descriptor; names: Set<string> }>();
  for (const entry of entries) {
    const config = context.files.file(entry.config, "image config");
    checkConfigName(entry.config, config);
    const bytes = serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: { mediaType: OCI_TYPES.config, ...config },
      layers: await layers.of(entry, config),
    });
    const manifest = await session.add(bytes, bytes.byteLength);
    const image = images.get(manifest.digest) ?? {
      descriptor: { mediaType: OCI_TYPES.manifest, ...manifest },
      names: new Set<string>(),
    };
    for (const tag of entry.repoTags) image.names.add(formatReference(parseReference(tag)));
    images.set(manifest.digest, image);
  }
  const archived: ArchivedImage[] = [];
  for (const { descriptor, names } of images.values()) {
    const { manifests, documents, layers: blobs } = await readGraph(content, descriptor, { signal: options.signal });
    for (const { digest } of [...documents, ...blobs]) used.add(digest);
    archived.push(archivedImage({ descriptor, names: [...names], tags: [] }, manifests));
  }
  return archived;
}

/** Docker names a config by its digest, which is the image ID. */
function checkConfigName(path: string, { digest }: IngestedBlob): void {
  const named = /^(?:sha256:)?([a-f0-9]{64})(?:\.json)?$/.exec(path)?.[1];
  if (named === undefined || digest === `sha256:${named}`) return;
  throw new SlipwayError("DIGEST_MISMATCH", `Cannot read the archive: config ${path} has the digest ${digest}`);
}

/** Layers of Docker archives have no digests of their own: what they must be says the config. */
class DockerLayers {
  readonly #context: ArchiveContext;
  readonly #mediaTypes = new Map<Digest, string>();
  /** DiffIDs of compressed layers, which have to be read once more. */
  readonly #diffIDs = new Map<Digest, Digest>();

  constructor(context: ArchiveContext) {
    this.#context = context;
  }

  async of(entry: DockerManifestEntry, config: IngestedBlob): Promise<readonly Descriptor[]> {
    const { content, files, options } = this.#context;
    const bytes = await readBlobBytes(content, config, { signal: options.signal });
    const diffIDs = parseImageConfig(bytes, `config ${entry.config}`).rootfs.diff_ids;
    if (diffIDs.length !== entry.layers.length) {
      throw invalid(
        `config ${entry.config} names ${diffIDs.length} layers, but the archive's manifest.json ${entry.layers.length}`,
      );
    }
    const layers: Descriptor[] = [];
    for (const [index, path] of entry.layers.entries()) {
      const blob = files.file(path, "layer");
      const diffID = diffIDs[index];
      const actual = await this.#diffID(blob, diffID);
      if (actual !== diffID) {
        throw new SlipwayError(
          "DIGEST_MISMATCH",
          `Cannot read the archive: layer ${path} has the diffID ${actual}, but config ${entry.config} says ${diffID}`,
        );
      }
      layers.push({ mediaType: await this.#mediaType(blob), ...blob });
    }
    return layers;
  }

  async #diffID(blob: IngestedBlob, expected: Digest | undefined): Promise<Digest> {
    const algorithm = expected === undefined ? "sha256" : digestAlgorithm(expected);
    const isPlain = (await this.#mediaType(blob)) === OCI_TYPES.layer;
    if (isPlain && digestAlgorithm(blob.digest) === algorithm) return blob.digest;
    const known = this.#diffIDs.get(blob.digest);
    if (known !== undefined && digestAlgorithm(known) === algorithm) return known;
    const { content, options } = this.#context;
    const hasher = (options.hasher ?? content.hasher ?? hostHasher)(algorithm);
    const layer = readBlob(content, blob, { signal: options.signal, hasher: options.hasher });
    for await (const chunk of decompress(layer)) hasher.update(chunk);
    const diffID = toDigest(algorithm, hasher.digest());
    this.#diffIDs.set(blob.digest, diffID);
    return diffID;
  }

  async #mediaType(blob: IngestedBlob): Promise<string> {
    const known = this.#mediaTypes.get(blob.digest);
    if (known !== undefined) return known;
    const { content } = this.#context;
    const beginning: number[] = [];
    for await (const chunk of content.open(blob.digest, { length: Math.min(blob.size, 16) })) beginning.push(...chunk);
    const compression = detectCompression(Uint8Array.from(beginning));
    const mediaType = LAYER_TYPES.get(compression);
    if (mediaType === undefined) {
      throw new SlipwayError(
        "UNSUPPORTED",
        `Cannot read the archive: layer ${blob.digest} is compressed with ${compression}`,
      );
    }
    this.#mediaTypes.set(blob.digest, mediaType);
    return mediaType;
  }
}

const LAYER_TYPES: ReadonlyMap<string, string> = new Map([
  ["uncompressed", OCI_TYPES.layer],
  ["gzip", OCI_TYPES.layerGzip],
  ["zstd", OCI_TYPES.layerZstd],
]);
