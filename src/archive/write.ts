import { type ByteSource, chunksOf } from "../bytes.ts";
import { readBlob } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Platform } from "../oci/platform.ts";
import type { OperationOptions } from "../progress.ts";
import { paddingOf } from "../tar/block.ts";
import type { TarHeader } from "../tar/entry.ts";
import { encodeHeader, writeTar } from "../tar/index.ts";
import { END_SIZE } from "../tar/writer.ts";
import { type PlannedEntry, planArchive } from "./plan.ts";
import { streamStep } from "./stream-step.ts";

/** An image to write: where its blobs are, what it is, how it is named. An `ExportedImage` is one. */
export interface ArchiveSource {
  /** Has all blobs of the image. */
  readonly content: ContentProvider;
  /** Manifest or index. */
  readonly descriptor: Descriptor;
  /** Names in any spelling. */
  readonly names?: readonly string[] | undefined;
}

/**
 * What kind of archive is written:
 * - `both` (default): an OCI layout with a `manifest.json` that points into its blobs. Docker, podman, containerd, skopeo and
 *   every reader of OCI layouts take it; it is what BuildKit writes for `type=docker`.
 * - `oci`: the OCI layout alone. Docker before 25 cannot load it.
 * - `docker`: `manifest.json`, configs as `HEX.json` and layers as `HEX.tar` or `HEX.tar.gz`, as skopeo writes them, and nothing
 *   of OCI. The manifests, and so the images' digests, are not in it; the image IDs stay.
 */
export type ArchiveFormat = "both" | "oci" | "docker";

/** Options of {@link writeArchive}. */
export interface WriteArchiveOptions extends OperationOptions {
  /** Default `both`. */
  readonly format?: ArchiveFormat | undefined;
  /** Instead of the image's own names; for a single image. */
  readonly names?: readonly string[] | undefined;
  /**
   * Which platform of a multi-platform image `manifest.json` names, since it can name just one: `docker load` takes that one. In
   * an archive of format `docker` the others are left out. Default: the only one, or else linux/amd64. Means nothing for `oci`.
   */
  readonly dockerPlatform?: Platform | undefined;
  /**
   * Of an index: only manifests for one of these platforms, and those that name none. The index itself stays as it is, and names what
   * is not in the archive; `readArchive` takes that with `allowMissingPlatforms`. Default all.
   */
  readonly platforms?: readonly Platform[] | undefined;
  /** Told, in a sentence, what some readers of the archive will not see. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /**
   * Told before the first byte comes how many there will be: for a `Content-Length`. Without one, who receives an archive may take what
   * came before an error for all of it.
   */
  readonly onSize?: ((bytes: number) => void) | undefined;
}

/**
 * One tar with one image or several, as a stream of bytes; `toReadableStream` makes a `ReadableStream` of it. Blobs are verified
 * while they pass, and looked for before the first byte comes.
 *
 * The same images give the same bytes: entries stand in the order `oci-layout`, `index.json`, `manifest.json`, directories,
 * documents (each before what it names), layers from the base up, each blob once; files have mode 0644, directories 0755, and
 * all are of owner 0:0 and time 0. So a reader knows from the beginning which of the blobs it wants.
 * @throws SlipwayError by rejecting `next()`: `INVALID_ARGUMENT` (nothing to write, a format or a combination of options that
 *   there is not), `INVALID_REFERENCE`, `NOT_FOUND` naming the blob or the platform, `DIGEST_MISMATCH`, `SIZE_MISMATCH`,
 *   `INVALID_DOCUMENT`, `AMBIGUOUS_DOCUMENT`, `UNSUPPORTED` for a layer that Docker cannot read
 */
export async function* writeArchive(
  images: ArchiveSource | readonly ArchiveSource[],
  options: WriteArchiveOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* writePlannedArchive(isList(images) ? images : [images], options);
}

/** Writes an archive. @param onPlan told what it will consist of, before its first byte comes */
export async function* writePlannedArchive(
  images: readonly ArchiveSource[],
  options: WriteArchiveOptions,
  onPlan?: (entries: readonly PlannedEntry[]) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  yield* streamStep(onProgress, "writing archive", async function* (report) {
    const entries = await planArchive(images, options);
    onPlan?.(entries);
    options.onSize?.(entries.reduce((sum, entry) => sum + tarSize(headerOf(entry)), END_SIZE));
    const total = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    let current = 0;
    const onBytes = (bytes: number): void => {
      current += bytes;
      report(current, total);
    };
    for await (const chunk of writeTar(tarEntries(entries, onBytes, { signal, onProgress }))) {
      signal?.throwIfAborted();
      yield chunk;
    }
  });
}

const isList = (images: ArchiveSource | readonly ArchiveSource[]): images is readonly ArchiveSource[] =>
  Array.isArray(images);

function sizeOf(entry: PlannedEntry): number {
  if (entry.type === "directory") return 0;
  return entry.type === "document" ? entry.bytes.byteLength : entry.blob.size;
}

function* tarEntries(
  entries: readonly PlannedEntry[],
  onBytes: (bytes: number) => void,
  operation: OperationOptions,
): Generator<{ readonly header: TarHeader; readonly content?: ByteSource }, void, undefined> {
  for (const entry of entries) {
    const header = headerOf(entry);
    if (entry.type === "directory") {
      yield { header };
      continue;
    }
    const source = entry.type === "document" ? entry.bytes : readBlob(entry.content, entry.blob, operation);
    yield { header, content: counted(source, onBytes) };
  }
}

function headerOf(entry: PlannedEntry): TarHeader {
  const header = { name: entry.path, uid: 0, gid: 0, mtime: 0, size: sizeOf(entry) };
  return entry.type === "directory"
    ? { ...header, type: "directory", mode: 0o755 }
    : { ...header, type: "file", mode: 0o644 };
}

const tarSize = (header: TarHeader): number => encodeHeader(header).byteLength + header.size + paddingOf(header.size);

async function* counted(
  source: ByteSource,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunksOf(source)) {
    yield chunk;
    onBytes(chunk.byteLength);
  }
}
