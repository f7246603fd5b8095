import { type ContentStore, type Descriptor, type ImageManifest, isSlipwayError, readBlobBytes } from "slipway";
import { readGraph } from "slipway/archive";
import { familiarName, parseReference } from "slipway/oci";
import type { Stores } from "./stores.ts";

/** An image of the store, by what is known without reading it. */
export interface StoredImage {
  readonly descriptor: Descriptor;
  /** As Docker shows them. */
  readonly names: readonly string[];
  /** As they are in the store. */
  readonly fullNames: readonly string[];
}

/** A document of an image. */
export interface ImageDocument {
  readonly title: string;
  readonly descriptor: Descriptor;
  readonly text: string;
}

/** An image with its documents. */
export interface OpenedImage extends StoredImage {
  readonly manifests: readonly ImageManifest[];
  /** Bytes of all its blobs, each once. */
  readonly size: number;
  readonly documents: readonly ImageDocument[];
}

/** All images, those with several names once; ordered by name. */
export async function listStoredImages({ images }: Stores): Promise<readonly StoredImage[]> {
  const found = new Map<string, { descriptor: Descriptor; names: string[]; fullNames: string[] }>();
  for (const { name, target } of await images.list()) {
    const image = found.get(target.digest) ?? { descriptor: target, names: [], fullNames: [] };
    image.names.push(familiarName(parseReference(name)));
    image.fullNames.push(name);
    found.set(target.digest, image);
  }
  return [...found.values()];
}

/** Reads an image's documents, verified. */
export async function openStoredImage(content: ContentStore, image: StoredImage): Promise<OpenedImage> {
  const graph = await readGraph(content, image.descriptor);
  const blobs = [...graph.documents, ...graph.layers];
  const documents: ImageDocument[] = [];
  for (const [number, descriptor] of graph.documents.entries()) {
    const text = new TextDecoder().decode(await readBlobBytes(content, descriptor));
    const isConfig = graph.manifests.some(({ config }) => config.digest === descriptor.digest);
    const isManifest = graph.manifests.some((manifest) => manifest.descriptor.digest === descriptor.digest);
    const kind = isConfig ? "Config" : isManifest ? "Manifest" : number === 0 ? "Index" : "Document";
    documents.push({ title: kind, descriptor, text });
  }
  return {
    ...image,
    manifests: graph.manifests,
    size: blobs.reduce((sum, { size }) => sum + size, 0),
    documents,
  };
}

/** Takes away an image's names, unless a build has given them to another image since they were listed. Its blobs are garbage then. */
export async function deleteStoredImage({ images }: Pick<Stores, "images">, image: StoredImage): Promise<void> {
  for (const name of image.fullNames) {
    try {
      await images.delete(name, { target: image.descriptor.digest });
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND") && !isSlipwayError(error, "FAILED_PRECONDITION")) throw error;
    }
  }
}
