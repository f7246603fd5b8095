import { type ByteRange, chunksOf, type ReopenableSource, readAll } from "../bytes.ts";
import { detectCompression } from "../compress/index.ts";
import { resolveRange } from "../content/range.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "../content/store.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";
import { runStep } from "../progress.ts";
import { indexTar } from "../tar/index.ts";
import { ArchiveFiles } from "./archive-files.ts";
import { DOCKER_MANIFEST_FILE, parseDockerManifest } from "./docker-manifest.ts";
import { OCI_LAYOUT_FILE } from "./index-entries.ts";
import { type LayoutContext, type ReadArchiveOptions, readArchive } from "./read.ts";
import { addDockerNames } from "./read-both.ts";
import { readLayoutImages } from "./read-layout.ts";
import type { ArchivedImage } from "./resolve.ts";

/** Enough to know a compression by. */
const MAGIC_SIZE = 16;

/** An archive whose images can be read. */
export interface OpenedArchive {
  /** In the order of the archive's own documents. */
  readonly images: readonly ArchivedImage[];
  /** Has the blobs of the images. Who reads them verifies them, as `readBlob` does. */
  readonly content: ContentProvider;
}

/**
 * The images of an archive, read where it lies if that can be: an OCI layout in a tar that is not compressed has each blob as it
 * is, so that only the tar's headers and the documents are read, and layers when somebody wants them. All other archives are taken
 * into `scratch` by {@link readArchive}.
 *
 * The source must stay as it is for as long as the content is used; what was changed meanwhile is found when it is read.
 * @throws SlipwayError as {@link readArchive}, though of what was not read nothing is known: layers that are not what they are called
 *   are a `DIGEST_MISMATCH` to who reads them
 */
export async function openArchive(
  source: ReopenableSource,
  scratch: ContentStore,
  options: ReadArchiveOptions = {},
): Promise<OpenedArchive> {
  options.signal?.throwIfAborted();
  const { sizeLimit = Number.POSITIVE_INFINITY, hasher = scratch.hasher } = options;
  const opened = source.size > sizeLimit ? undefined : await openInPlace(source, hasher, options);
  return opened ?? { images: await readArchive(source.open(), scratch, options), content: scratch };
}

/** @returns undefined if the archive cannot be read where it lies */
async function openInPlace(
  source: ReopenableSource,
  hasher: HasherFactory | undefined,
  options: ReadArchiveOptions,
): Promise<OpenedArchive | undefined> {
  const { signal, onProgress } = options;
  const beginning = await readAll(source.open({ length: Math.min(source.size, MAGIC_SIZE) }), MAGIC_SIZE);
  if (detectCompression(beginning) !== "uncompressed") return undefined;
  return await runStep(onProgress, { id: "opening archive", name: "opening archive" }, async () => {
    const content = new PlacedBlobs(source, hasher);
    const files = new ArchiveFiles();
    for await (const entry of indexTar(source, { signal })) {
      const { offset, size } = entry;
      await files.add(entry, async (digest) => {
        // What is named by no digest may be a blob of Docker's; then the archive is none that can be read in place.
        if (digest === undefined || offset === undefined) return undefined;
        content.place(digest, offset, size);
        return { digest, size };
      });
    }
    if (files.document(OCI_LAYOUT_FILE) === undefined) return undefined;
    const context: LayoutContext = { content, files, used: new Set(), options };
    const images = await readLayoutImages(context);
    const docker = files.document(DOCKER_MANIFEST_FILE);
    if (docker === undefined) return { images, content };
    try {
      return { images: addDockerNames(images, parseDockerManifest(docker), files), content };
    } catch (error) {
      // It names files that are no blobs of the layout: what they are tells only reading them.
      if (isSlipwayError(error, "INVALID_ARCHIVE")) return undefined;
      throw error;
    }
  });
}

/** Blobs by where they lie in one source. */
class PlacedBlobs implements ContentProvider {
  readonly hasher: HasherFactory | undefined;
  readonly #source: ReopenableSource;
  readonly #places = new Map<Digest, { readonly offset: number; readonly size: number }>();

  constructor(source: ReopenableSource, hasher: HasherFactory | undefined) {
    this.#source = source;
    this.hasher = hasher;
  }

  place(digest: Digest, offset: number, size: number): void {
    if (!this.#places.has(digest)) this.#places.set(digest, { offset, size });
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return { digest, size: this.#find(digest).size, labels: {} };
  }

  async *open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    const { offset, size } = this.#find(digest);
    const { start, end } = resolveRange(size, range, `blob ${digest}`);
    if (start < end) yield* chunksOf(this.#source.open({ offset: offset + start, length: end - start }));
  }

  #find(digest: Digest): { readonly offset: number; readonly size: number } {
    const place = this.#places.get(digest);
    if (place !== undefined) return place;
    throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: it is not in the archive`);
  }
}
