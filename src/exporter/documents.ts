import { writeBlob } from "../content/index.ts";
import type { ContentStore } from "../content/store.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { digestOf, hostHasher } from "../hash/index.ts";
import { type ImageConfig, serialiseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Index, serialiseIndex } from "../oci/image-index.ts";
import { type Manifest, serialiseManifest } from "../oci/manifest.ts";
import { DOCKER_TYPES, OCI_TYPES } from "../oci/media-types.ts";
import { type OperationOptions, runStep } from "../progress.ts";

/** Where the documents of an export go, and what they are called. */
export interface DocumentWriting extends OperationOptions {
  readonly content: ContentStore;
  readonly hasher: HasherFactory | undefined;
  /** OCI's media types, or Docker's. */
  readonly ociMediatypes: boolean;
}

/** Writes an image config, as one step "exporting config DIGEST". */
export async function writeConfig(config: ImageConfig, writing: DocumentWriting): Promise<Descriptor> {
  const { config: mediaType } = writing.ociMediatypes ? OCI_TYPES : DOCKER_TYPES;
  return await writeDocument("config", mediaType, serialiseImageConfig(config), [], writing);
}

/** Writes a manifest, as one step "exporting manifest DIGEST". */
export async function writeManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations: Manifest["annotations"],
  writing: DocumentWriting,
): Promise<Descriptor> {
  const { manifest: mediaType } = writing.ociMediatypes ? OCI_TYPES : DOCKER_TYPES;
  const manifest: Manifest = { schemaVersion: 2, mediaType, config, layers, ...(annotations && { annotations }) };
  return await writeDocument("manifest", mediaType, serialiseManifest(manifest), [config, ...layers], writing);
}

/** Writes an index, as one step "exporting manifest list DIGEST". */
export async function writeIndex(
  manifests: readonly Descriptor[],
  annotations: Index["annotations"],
  writing: DocumentWriting,
): Promise<Descriptor> {
  const { index: mediaType } = writing.ociMediatypes ? OCI_TYPES : DOCKER_TYPES;
  const index: Index = { schemaVersion: 2, mediaType, manifests, ...(annotations && { annotations }) };
  return await writeDocument("manifest list", mediaType, serialiseIndex(index), manifests, writing);
}

/**
 * Writes a document, as one step "exporting WHAT DIGEST".
 * @param children what the document names; the labels that containerd's garbage collector follows say so, too
 */
export async function writeDocument(
  what: string,
  mediaType: string,
  bytes: Uint8Array,
  children: readonly Descriptor[],
  { content, hasher = content.hasher ?? hostHasher, signal, onProgress }: Omit<DocumentWriting, "ociMediatypes">,
): Promise<Descriptor> {
  const digest = digestOf(bytes, hasher);
  const size = bytes.byteLength;
  const labels = Object.fromEntries(
    children.map((child, index) => [`containerd.io/gc.ref.content.${index}`, child.digest]),
  );
  const step = `exporting ${what} ${digest}`;
  await runStep(onProgress, { id: step, name: step }, async (report) => {
    await writeBlob(content, bytes, { digest, size, labels, signal });
    report.running(size, size);
  });
  return { mediaType, digest, size };
}
