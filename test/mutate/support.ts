import { type ContentProvider, type ContentStore, readBlobBytes, writeBlob } from "../../src/content/index.ts";
import {
  type Annotations,
  type Descriptor,
  type History,
  type ImageConfig,
  type Index,
  type Manifest,
  OCI_TYPES,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseManifest,
  serialiseImageConfig,
  serialiseIndex,
  serialiseManifest,
} from "../../src/oci/index.ts";
import { type SampleImage, type SampleOptions, sampleImage } from "../support/sample-image.ts";

export const AMD64: Platform = { architecture: "amd64", os: "linux" };
export const ARM64: Platform = { architecture: "arm64", os: "linux" };
export const RISCV: Platform = { architecture: "riscv64", os: "linux" };

/** What a test says of an image besides what `sampleImage` takes. */
export interface DetailedOptions extends SampleOptions {
  readonly history?: readonly History[];
  readonly fields?: Partial<ImageConfig>;
  readonly annotations?: Annotations;
}

/** A sample image with history, further fields of the config, and annotations. */
export async function detailedImage(content: ContentStore, options: DetailedOptions = {}): Promise<SampleImage> {
  const sample = await sampleImage(content, options);
  const { history, fields = {}, annotations } = options;
  const before = await configOf(sample);
  const config = await put(
    content,
    sample.config.mediaType,
    serialiseImageConfig({ ...before, ...fields, ...(history && { history }) }),
  );
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: sample.descriptor.mediaType,
    config,
    layers: sample.layers,
    ...(annotations && { annotations }),
  };
  const descriptor = await put(content, sample.descriptor.mediaType, serialiseManifest(manifest));
  return { ...sample, config, descriptor };
}

/** Writes an index. */
export async function putIndex(content: ContentStore, fields: Omit<Index, "schemaVersion">): Promise<Descriptor> {
  return await put(
    content,
    OCI_TYPES.index,
    serialiseIndex({ schemaVersion: 2, mediaType: OCI_TYPES.index, ...fields }),
  );
}

/** BuildKit's attestation of an image, as an index names it. */
export async function attestation(content: ContentStore, of: SampleImage): Promise<Descriptor> {
  const statement = await put(content, "application/vnd.in-toto+json", new TextEncoder().encode(of.descriptor.digest));
  const config = await put(
    content,
    OCI_TYPES.config,
    serialiseImageConfig({
      architecture: "unknown",
      os: "unknown",
      rootfs: { type: "layers", diff_ids: [statement.digest] },
    }),
  );
  const manifest = serialiseManifest({ schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers: [statement] });
  return {
    ...(await put(content, OCI_TYPES.manifest, manifest)),
    annotations: {
      "vnd.docker.reference.digest": of.descriptor.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

/** Writes a blob. */
export async function put(content: ContentStore, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const { digest, size } = await writeBlob(content, bytes);
  return { mediaType, digest, size };
}

type Readable = { readonly content: ContentProvider; readonly descriptor: Descriptor };

/** The manifest of an image. */
export const manifestOf = async ({ content, descriptor }: Readable): Promise<Manifest> =>
  parseManifest(await readBlobBytes(content, descriptor), "manifest", descriptor.mediaType);

/** The config of an image. */
export const configOf = async (image: Readable): Promise<ImageConfig> =>
  parseImageConfig(await readBlobBytes(image.content, (await manifestOf(image)).config));

/** The index of an image. */
export const indexOf = async ({ content, descriptor }: Readable): Promise<Index> =>
  parseIndex(await readBlobBytes(content, descriptor), "index", descriptor.mediaType);
