import type { ReopenableSource } from "../../bytes.ts";
import { chunksOf, concatBytes } from "../../bytes.ts";
import { detectCompression } from "../../compress/index.ts";
import { SlipwayError } from "../../errors.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import type { AddedEntries } from "./options.ts";
import { type AddTarOptions, addTar } from "./tar.ts";
import { type AddZipOptions, addZip, reopenable } from "./zip.ts";

/** Bytes that tell what an archive is: a tar's first header. */
const HEAD_SIZE = 512;

/** How an archive of a kind that is not known beforehand is read. */
export interface AddArchiveOptions extends AddTarOptions, AddZipOptions {}

/** What an archive gave. */
export interface AddedArchive extends AddedEntries {
  /** What it was. */
  readonly format: "tar" | "zip";
}

/**
 * Adds what is in an archive to a snapshot: a zip (see {@link addZip}) or a tar, plain or compressed with gzip (see {@link addTar}),
 * which is told by how it begins, whatever it is called.
 * @throws SlipwayError `UNSUPPORTED` if it is neither; what `addTar` and `addZip` throw
 */
export async function addArchive(
  work: WritableSnapshot,
  source: Blob | Uint8Array | ReopenableSource,
  options: AddArchiveOptions = {},
): Promise<AddedArchive> {
  options.signal?.throwIfAborted();
  const archive = reopenable(source);
  const head = await headOf(archive);
  if (isZip(head)) return { ...(await addZip(work, archive, options)), format: "zip" };
  if (detectCompression(head) === "uncompressed" && !isTar(head)) {
    throw new SlipwayError("UNSUPPORTED", "Cannot read archive: it begins neither as a zip nor as a tar does");
  }
  return { ...(await addTar(work, archive, options)), format: "tar" };
}

async function headOf(source: ReopenableSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(source.open({ length: Math.min(HEAD_SIZE, source.size) }))) chunks.push(chunk);
  return concatBytes(chunks);
}

/** A local header, or the end record of a zip that has none. */
function isZip(head: Uint8Array): boolean {
  const [p, k, a, b] = head;
  return p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
}

/** The sum of a header's bytes, its own field taken for spaces, is in the field; an empty tar is zeros. */
function isTar(head: Uint8Array): boolean {
  if (head.byteLength < HEAD_SIZE) return false;
  if (head.every((byte) => byte === 0)) return true;
  const field = String.fromCharCode(...head.subarray(148, 156));
  const said = Number.parseInt(field.replace(/[\0 ]+/g, " ").trim(), 8);
  let sum = 8 * 0x20;
  for (const [at, byte] of head.entries()) if (at < 148 || at >= 156) sum += byte;
  return said === sum;
}
