import { concatBytes, readAll } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import type { ContentStore } from "../../src/content/index.ts";
import { writeBlob } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import {
  type Descriptor,
  type Digest,
  DOCKER_TYPES,
  OCI_TYPES,
  type Platform,
  type RuntimeConfig,
  serialiseImageConfig,
  serialiseIndex,
  serialiseManifest,
} from "../../src/oci/index.ts";
import { type TarHeader, writeTar } from "../../src/tar/index.ts";

/** A file of a sample layer: text or bytes are a regular file; attributes are said as in a tar header. */
export type SampleFile = string | Uint8Array | (Partial<TarHeader> & { readonly content?: string | Uint8Array });

/** Files by path without a leading slash, in the order of the layer; pairs where a path comes twice. */
export type SampleLayer = Readonly<Record<string, SampleFile>> | readonly (readonly [string, SampleFile])[];

/** What a sample image is made of. */
export interface SampleOptions {
  readonly layers?: readonly SampleLayer[];
  readonly config?: RuntimeConfig;
  readonly platform?: Platform;
  readonly compression?: "gzip" | "uncompressed";
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean;
  readonly names?: readonly string[];
}

/** An image put together by hand, without the exporter. An `ArchiveSource`. */
export interface SampleImage {
  readonly content: ContentStore;
  readonly descriptor: Descriptor;
  readonly names: readonly string[];
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly Digest[];
  readonly platform: Platform;
}

const LIMIT = 64 * 1024 * 1024;

/** The tar of a layer: files 0644, directories 0755, owner 0:0, time 0, unless a header says otherwise. */
export async function sampleTar(files: SampleLayer): Promise<Uint8Array<ArrayBuffer>> {
  const pairs: readonly (readonly [string, SampleFile])[] = isList(files) ? files : Object.entries(files);
  const entries = pairs.map(([name, file]) => {
    const given = typeof file === "string" || file instanceof Uint8Array ? { content: file } : file;
    const { content: data = "", type = "file", ...header } = given;
    const content = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const mode = type === "directory" ? 0o755 : 0o644;
    return { header: { name, type, mode, uid: 0, gid: 0, size: content.byteLength, mtime: 0, ...header }, content };
  });
  return await readAll(writeTar(entries), LIMIT);
}

const isList = (files: SampleLayer): files is readonly (readonly [string, SampleFile])[] => Array.isArray(files);

/** Writes an image's blobs to a store. The default image has two small layers. */
export async function sampleImage(content: ContentStore, options: SampleOptions = {}): Promise<SampleImage> {
  const { compression = "gzip", platform = { architecture: "amd64", os: "linux" }, names = [] } = options;
  const types = options.docker ? DOCKER_TYPES : OCI_TYPES;
  const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const { digest, size } = await writeBlob(content, bytes);
    return { mediaType, digest, size };
  };
  const diffIDs: Digest[] = [];
  const layers: Descriptor[] = [];
  for (const files of options.layers ?? [{ "a.txt": "first\n" }, { "b.txt": "second\n" }]) {
    const tar = await sampleTar(files);
    diffIDs.push(digestOf(tar));
    const isGzip = compression === "gzip";
    layers.push(await put(isGzip ? types.layerGzip : types.layer, isGzip ? await readAll(gzip(tar), LIMIT) : tar));
  }
  const config = await put(
    types.config,
    serialiseImageConfig({ ...platform, config: options.config ?? {}, rootfs: { type: "layers", diff_ids: diffIDs } }),
  );
  const manifest = serialiseManifest({ schemaVersion: 2, mediaType: types.manifest, config, layers });
  const descriptor = await put(types.manifest, manifest);
  return { content, descriptor, names, config, layers, diffIDs, platform };
}

/** An index of images in one store, each with its platform. */
export async function sampleIndex(
  images: readonly [SampleImage, ...SampleImage[]],
  names: readonly string[] = [],
): Promise<{ readonly content: ContentStore; readonly descriptor: Descriptor; readonly names: readonly string[] }> {
  const [{ content }] = images;
  const manifests = images.map(({ descriptor, platform }) => ({ ...descriptor, platform }));
  const bytes = serialiseIndex({ schemaVersion: 2, mediaType: OCI_TYPES.index, manifests });
  const { digest, size } = await writeBlob(content, bytes);
  return { content, descriptor: { mediaType: OCI_TYPES.index, digest, size }, names };
}

/** Everything that a store has, by digest, for comparisons. */
export async function storedDigests(content: ContentStore): Promise<readonly Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of content.list()) digests.push(digest);
  return digests.sort();
}

/** A blob's bytes, whatever its size. */
export async function blobBytes(content: ContentStore, digest: Digest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.open(digest)) chunks.push(chunk);
  return concatBytes(chunks);
}

/** The same store, with some of its methods replaced. */
export function storeWith(store: ContentStore, changes: Partial<ContentStore>): ContentStore {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(changes, key) ? changes : target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
