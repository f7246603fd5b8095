import { openArchive } from "../archive/open-archive.ts";
import type { PlannedEntry } from "../archive/plan.ts";
import { type ReadArchiveOptions, readArchive } from "../archive/read.ts";
import { selectImage } from "../archive/resolve.ts";
import { type WriteArchiveOptions, writePlannedArchive } from "../archive/write.ts";
import type { ByteSource, ReopenableSource } from "../bytes.ts";
import type { ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { OperationOptions } from "../progress.ts";
import type { ImageSource, ImageTarget, SourceImage, TransferredImage } from "./transfer.ts";

/** Options of {@link archiveSource}. */
export interface ArchiveSourceOptions extends Omit<ReadArchiveOptions, keyof OperationOptions> {
  /** In any spelling, a tag or a digest; not needed if the archive has one image only. */
  readonly name?: string | undefined;
  /** What messages call it, for example `oci-archive:hello.tar`. Default: the image's name. */
  readonly description?: string | undefined;
}

/**
 * An image of an archive: an OCI layout in a tar, or what `docker save` writes, compressed or not.
 *
 * An OCI layout that is not compressed and that can be opened anywhere is read where it lies: of its layers only those that the target
 * needs. All others are read to their end and taken into `scratch` when the image is resolved.
 * @param archive the archive, or what begins to read it, each time that the image is resolved
 * @param scratch keeps blobs of archives that cannot be read where they lie, for as long as the image is used
 * @returns a source whose `resolve` throws `NOT_FOUND`, `INVALID_ARGUMENT` if the image could be several, and as `readArchive`
 */
export function archiveSource(
  archive: ReopenableSource | (() => ByteSource | Promise<ByteSource>),
  scratch: ContentStore,
  options: ArchiveSourceOptions = {},
): ImageSource {
  const { name, description, ...reading } = options;
  return {
    description: description ?? name ?? "the only image of the archive",
    async resolve({ signal, onProgress } = {}): Promise<SourceImage> {
      signal?.throwIfAborted();
      const operation = { ...reading, signal, onProgress };
      const { images, content } =
        typeof archive === "function"
          ? { images: await readArchive(await archive(), scratch, operation), content: scratch }
          : await openArchive(archive, scratch, operation);
      const { descriptor, names } = selectImage(images, name);
      return { descriptor, content, names };
    },
  };
}

/** Options of {@link archiveTarget}. */
export interface ArchiveTargetOptions extends Omit<WriteArchiveOptions, keyof OperationOptions | "platforms"> {
  /** What messages call it, for example `docker-archive:hello.tar`. Default: `an archive`. */
  readonly description?: string | undefined;
}

/**
 * An archive as a place to copy to, written anew as a whole as `writeArchive` does. In format `docker` there are no manifests: who
 * reads it finds another digest than that of the image that went in, and the same image ID.
 * @param write takes the bytes to where they belong, to their end: to a file that gets its name only then, say
 * @param options `names`: default those that the image has at its source
 * @returns a target whose `write` throws as `writeArchive` and `write` do, and `FAILED_PRECONDITION` if `write` did not take all
 * @throws SlipwayError `INVALID_REFERENCE`
 */
export function archiveTarget(
  write: (bytes: AsyncIterable<Uint8Array>) => Promise<unknown>,
  options: ArchiveTargetOptions = {},
): ImageTarget {
  const { description = "an archive", names: given, ...writing } = options;
  const normalised = given?.map((name) => formatReference(parseReference(name)));
  return {
    description,
    async write(image, { signal, onProgress, platforms } = {}): Promise<TransferredImage> {
      signal?.throwIfAborted();
      const names = normalised ?? image.names;
      let counts = { moved: 0, movedBytes: 0 };
      let ended = false;
      async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
        const all = { ...writing, names, platforms, signal, onProgress };
        yield* writePlannedArchive([image], all, (entries) => {
          counts = countBlobs(entries);
        });
        ended = true;
      }
      await write(bytes());
      signal?.throwIfAborted();
      if (!ended) {
        throw new SlipwayError(
          "FAILED_PRECONDITION",
          `Cannot copy to ${description}: what writes the archive ended before the archive did`,
        );
      }
      const { moved, movedBytes } = counts;
      return { descriptor: image.descriptor, names, blobs: { moved, existing: 0 }, movedBytes };
    },
  };
}

function countBlobs(entries: readonly PlannedEntry[]): { readonly moved: number; readonly movedBytes: number } {
  const blobs = entries.flatMap((entry) => (entry.type === "blob" ? [entry.blob.size] : []));
  return { moved: blobs.length, movedBytes: blobs.reduce((sum, size) => sum + size, 0) };
}
