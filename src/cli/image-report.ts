import type { ArchivedImage, ImageManifest } from "../archive/index.ts";
import type { ContentProvider } from "../content/index.ts";
import { readBlobBytes } from "../content/index.ts";
import type { Descriptor, Digest } from "../oci/index.ts";
import { formatPlatform, isIndex, parseIndex, parseManifest } from "../oci/index.ts";

/** What `slipway inspect --json` prints. */
export interface ImageReport {
  readonly names: readonly string[];
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest or index itself. */
  readonly size: number;
  /** Of the index; those of a manifest are with it. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly manifests: readonly ManifestReport[];
}

/** One manifest of an image. */
export interface ManifestReport {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** `linux/amd64`; absent for what is not an image, such as an attestation. */
  readonly platform?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config: { readonly digest: Digest; readonly mediaType: string; readonly size: number };
  readonly layers: readonly LayerReport[];
  /** The image config as it is: created, config, rootfs, history, and what else it has. */
  readonly image?: ImageDocument;
}

/** A layer: its blob, and what it is uncompressed. */
export interface LayerReport {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the blob. */
  readonly size: number;
  readonly diffID?: Digest;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image config, of which the fields that are shown are named. */
export interface ImageDocument {
  readonly created?: string;
  readonly author?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly history?: readonly {
    readonly created?: string;
    readonly created_by?: string;
    readonly comment?: string;
    readonly empty_layer?: boolean;
  }[];
}

/** Reads all documents of an image, verified. */
export async function reportImage(
  content: ContentProvider,
  image: ArchivedImage,
  signal: AbortSignal | undefined,
): Promise<ImageReport> {
  const { descriptor, names, tags } = image;
  const index = isIndex(descriptor.mediaType)
    ? parseIndex(await readBlobBytes(content, descriptor, { signal }), `index ${descriptor.digest}`)
    : undefined;
  const manifests: ManifestReport[] = [];
  for (const manifest of image.manifests) manifests.push(await reportManifest(content, manifest, signal));
  return { names, tags, ...named(descriptor), ...annotated(index?.annotations), manifests };
}

async function reportManifest(
  content: ContentProvider,
  { descriptor, config, layers, platform, diffIDs }: ImageManifest,
  signal: AbortSignal | undefined,
): Promise<ManifestReport> {
  const { annotations } = parseManifest(
    await readBlobBytes(content, descriptor, { signal }),
    `manifest ${descriptor.digest}`,
  );
  // Read and checked as a config before, when the platform was looked for: here it is printed as it is.
  const document =
    platform === undefined
      ? undefined
      : (JSON.parse(new TextDecoder().decode(await readBlobBytes(content, config, { signal }))) as ImageDocument);
  return {
    ...named(descriptor),
    ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
    ...annotated(annotations),
    config: named(config),
    layers: layers.map((layer, at) => {
      const diffID = diffIDs?.[at];
      return { ...named(layer), ...(diffID === undefined ? {} : { diffID }), ...annotated(layer.annotations) };
    }),
    ...(document === undefined ? {} : { image: document }),
  };
}

const named = ({ digest, mediaType, size }: Descriptor): { digest: Digest; mediaType: string; size: number } => ({
  digest,
  mediaType,
  size,
});

const annotated = (
  annotations: Readonly<Record<string, string>> | undefined,
): { annotations?: Readonly<Record<string, string>> } => (annotations === undefined ? {} : { annotations });
