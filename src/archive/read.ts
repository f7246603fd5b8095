import { type ByteSource, chunksOf } from "../bytes.ts";
import { decompress } from "../compress/index.ts";
import type { ContentProvider, ContentStore } from "../content/store.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import { readTar } from "../tar/index.ts";
import { ArchiveFiles, invalid } from "./archive-files.ts";
import { DOCKER_MANIFEST_FILE, parseDockerManifest } from "./docker-manifest.ts";
import { OCI_INDEX_FILE, OCI_LAYOUT_FILE } from "./index-entries.ts";
import { IngestSession } from "./ingest.ts";
import { addDockerNames } from "./read-both.ts";
import { readDockerImages } from "./read-docker.ts";
import { readLayoutImages } from "./read-layout.ts";
import type { ArchivedImage } from "./resolve.ts";

/** Options of {@link readArchive}. */
export interface ReadArchiveOptions extends OperationOptions {
  /**
   * Takes an archive whose index names manifests that are not in it, as `docker save` writes of an image of which only one
   * platform was pulled. The images then have the manifests that are complete. Default false: what is missing is an error.
   */
  readonly allowMissingPlatforms?: boolean | undefined;
  /** Most bytes that the archive may have when it is decompressed, against archives that are small only until then. Default: no limit. */
  readonly sizeLimit?: number | undefined;
  /** Default: the store's own, or else `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
}

/** What a layout is read with. */
export interface LayoutContext {
  /** Has the blobs of the archive. */
  readonly content: ContentProvider;
  readonly files: ArchiveFiles;
  /** Blobs that belong to an image; what is not in here when the archive is read is taken out of the store again. */
  readonly used: Set<Digest>;
  readonly options: ReadArchiveOptions;
}

/** What the readers of the kinds of archive share. */
export interface ArchiveContext extends LayoutContext {
  readonly session: IngestSession;
}

/**
 * Takes the images of an archive into a content store: an OCI layout, what `docker save` of any age writes, or both in one;
 * plain or compressed as a whole. It is read once, as a stream, and its entries may come in any order. Every blob is verified:
 * those of a layout by their digests, Docker's layers by the diffIDs of the config.
 *
 * An archive that is both is read as OCI layout, and `manifest.json` must agree with it. An archive of Docker's own has no
 * manifests: they are made, the same from the same archive, of OCI's media types, with the layers as they are.
 *
 * What no image needs is taken out of the store again, and on failure everything that was not there before. Do not let others
 * work with blobs of the same store meanwhile unless they hold them by means of their own.
 * @returns the images in the order of the archive's own documents
 * @throws SlipwayError `INVALID_ARCHIVE` (no image archive, a blob that is missing, paths out of the archive, two files of one
 *   name), `DIGEST_MISMATCH`, `SIZE_MISMATCH` (also for a document of more than 4 MiB), `INVALID_TAR`, `INVALID_COMPRESSION`,
 *   `INVALID_DOCUMENT`, `AMBIGUOUS_DOCUMENT` (also if `manifest.json` and `index.json` disagree), `INVALID_REFERENCE`,
 *   `UNSUPPORTED`; what the store throws
 */
export async function readArchive(
  source: ByteSource,
  content: ContentStore,
  options: ReadArchiveOptions = {},
): Promise<readonly ArchivedImage[]> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const session = new IngestSession(content, signal);
  return await runStep(onProgress, { id: "reading archive", name: "reading archive" }, async (report) => {
    let size = 0;
    async function* measured(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of chunksOf(source)) {
        signal?.throwIfAborted();
        size += chunk.byteLength;
        report.running(size);
        yield chunk;
      }
    }
    try {
      const files = new ArchiveFiles();
      for await (const entry of readTar(limited(decompress(measured()), options.sizeLimit))) {
        await files.add(entry, (digest) => session.add(entry.content(), entry.size, digest));
      }
      const context: ArchiveContext = { content, files, session, used: new Set(), options };
      const images = await readImages(context);
      await session.drop(context.used);
      return images;
    } catch (error) {
      // The first error is the one to report.
      await session.drop(new Set()).catch(() => undefined);
      signal?.throwIfAborted();
      throw error;
    }
  });
}

async function* limited(
  source: AsyncIterable<Uint8Array>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > limit) throw invalid(`it has more than the ${limit} bytes that it may have`);
    yield chunk;
  }
}

async function readImages(context: ArchiveContext): Promise<readonly ArchivedImage[]> {
  const { files } = context;
  const docker = files.document(DOCKER_MANIFEST_FILE);
  if (files.document(OCI_LAYOUT_FILE) !== undefined) {
    const images = await readLayoutImages(context);
    return docker === undefined ? images : addDockerNames(images, parseDockerManifest(docker), files);
  }
  if (docker !== undefined) return await readDockerImages(context, parseDockerManifest(docker));
  throw invalid(
    files.document(OCI_INDEX_FILE) === undefined
      ? `it has neither ${OCI_LAYOUT_FILE} nor ${DOCKER_MANIFEST_FILE}, so it is no archive of images`
      : `it has ${OCI_INDEX_FILE}, but not the ${OCI_LAYOUT_FILE} that belongs to it`,
  );
}
