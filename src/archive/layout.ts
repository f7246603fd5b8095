import { decompress } from "../compress/index.ts";
import { readBlob } from "../content/read.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher, toDigest } from "../hash/index.ts";
import type { ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { isLayer } from "../oci/media-types.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { hasBlob, isElsewhere } from "./copy.ts";
import { type ImageGraph, readGraph } from "./graph.ts";
import type { IndexedImage } from "./index-entries.ts";
import { type ArchivedImage, archivedImage } from "./resolve.ts";

/**
 * The images of a layout directory, or of any other pair of stores, in the form in which {@link readArchive} gives those of an
 * archive: the names of one descriptor together, ordered by the first of them. Documents are read and verified, layers are not.
 * Of an index of which only some platforms were copied, it gives the manifests that are there.
 * @throws SlipwayError as {@link readGraph}
 */
export async function listImages(
  stores: { readonly content: ContentStore; readonly images: ImageStore },
  options: Pick<OperationOptions, "signal"> = {},
): Promise<readonly ArchivedImage[]> {
  const images: ArchivedImage[] = [];
  for (const named of await namedImages(stores.images)) {
    const { manifests } = await readStoredGraph(stores.content, named.descriptor, options);
    images.push(archivedImage(named, manifests));
  }
  return images;
}

/** What an image store names, the names of one descriptor together, ordered by the first of them. Nothing is read. */
export async function namedImages(images: ImageStore): Promise<readonly IndexedImage[]> {
  const byDigest = new Map<Digest, { readonly descriptor: Descriptor; readonly names: string[] }>();
  for (const { name, target } of await images.list()) {
    const image = byDigest.get(target.digest);
    if (image === undefined) byDigest.set(target.digest, { descriptor: target, names: [name] });
    else image.names.push(name);
  }
  return [...byDigest.values()].map((image) => ({ ...image, tags: [] }));
}

/** @throws SlipwayError `NOT_FOUND` if all that an index names is missing */
async function readStoredGraph(
  content: ContentProvider,
  descriptor: Descriptor,
  options: Pick<OperationOptions, "signal">,
): Promise<ImageGraph> {
  const graph = await readGraph(content, descriptor, { ...options, include: (child) => hasBlob(content, child) });
  const [missing] = graph.excluded;
  if (graph.manifests.length > 0 || missing === undefined) return graph;
  throw new SlipwayError(
    "NOT_FOUND",
    `Cannot list image ${descriptor.digest}: the store has none of its manifests, such as ${missing.digest}`,
  );
}

/** Options of {@link verifyImage}. */
export interface VerifyImageOptions extends OperationOptions {
  /** Also decompresses every layer and compares it with the diffID in the config. Default false. */
  readonly diffIDs?: boolean | undefined;
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
}

/**
 * Reads all of an image and makes sure that each blob is there and is what it is called.
 * @returns what the image consists of
 * @throws SlipwayError `NOT_FOUND`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `INVALID_COMPRESSION`, and as {@link readGraph}
 */
export async function verifyImage(
  content: ContentProvider,
  descriptor: Descriptor,
  options: VerifyImageOptions = {},
): Promise<ImageGraph> {
  const { signal, onProgress, hasher } = options;
  const name = `verifying image ${descriptor.digest}`;
  return await runStep(onProgress, { id: name, name }, async (report) => {
    const graph = await readGraph(content, descriptor, { signal });
    const wanted = options.diffIDs ? diffIDsOf(graph) : new Map<Digest, ReadonlySet<Digest>>();
    const layers = graph.layers.filter((layer) => !isElsewhere(layer));
    const total = layers.reduce((sum, { size }) => sum + size, 0);
    let current = 0;
    for (const layer of layers) {
      const expected = [...(wanted.get(layer.digest) ?? [])].map((diffID) => ({
        diffID,
        hasher: (hasher ?? content.hasher ?? hostHasher)(digestAlgorithm(diffID)),
      }));
      const measured = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        for await (const chunk of readBlob(content, layer, { signal, hasher })) {
          current += chunk.byteLength;
          report.running(current, total);
          yield chunk;
        }
      })();
      for await (const chunk of expected.length === 0 ? measured : decompress(measured)) {
        for (const { hasher } of expected) hasher.update(chunk);
      }
      for (const { diffID, hasher } of expected) {
        const actual = toDigest(digestAlgorithm(diffID), hasher.digest());
        if (actual === diffID) continue;
        throw new SlipwayError(
          "DIGEST_MISMATCH",
          `Cannot use layer ${layer.digest}: its diffID is ${actual}, but a config says ${diffID}`,
        );
      }
    }
    return graph;
  });
}

/** What configs call each layer. */
function diffIDsOf({ manifests }: ImageGraph): ReadonlyMap<Digest, ReadonlySet<Digest>> {
  const all = new Map<Digest, Set<Digest>>();
  for (const { layers, diffIDs } of manifests) {
    for (const [index, layer] of layers.entries()) {
      const diffID = diffIDs?.[index];
      if (diffID === undefined || !isLayer(layer.mediaType)) continue;
      all.set(layer.digest, (all.get(layer.digest) ?? new Set()).add(diffID));
    }
  }
  return all;
}
