import { blobSource, bytesSource, type ReopenableSource, readAll } from "../../bytes.ts";
import { SlipwayError } from "../../errors.ts";
import { DEFAULT_ATTRIBUTES } from "../../snapshots/attributes.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import type { NodeAttributes } from "../../snapshots/tree.ts";
import { decodeName } from "../../tar/names.ts";
import { shown } from "./entry-name.ts";
import type { ModeOptions } from "./modes.ts";
import type { AddedEntries, SourceOptions } from "./options.ts";
import type { SourceNode } from "./source-node.ts";
import { addTree } from "./tree-adder.ts";
import { readCentralDirectory, type ZipEntry } from "./zip/central-directory.ts";
import { entrySource } from "./zip/entry-source.ts";
import { invalidZip, unsupportedZip } from "./zip/invalid.ts";

// What kind of file a Unix mode says it is.
const KIND = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;
const FIFO = 0o010000;
const SOCKET = 0o140000;

/** Longest target that a symlink can have. */
const TARGET_LIMIT = 4095;

/** How a zip is read. */
export interface AddZipOptions extends SourceOptions, ModeOptions {
  /** Most entries that it may have, directories that only paths in them imply among them. Default: no limit. */
  readonly entryLimit?: number | undefined;
  /** Most bytes that its files may have together when they are unpacked. Default: no limit. */
  readonly sizeLimit?: number | undefined;
}

/**
 * Adds what is in a zip to a snapshot: files, directories, symlinks and FIFOs, with the Unix modes of zips that were made on a Unix.
 * Only parts of the source are read at a time, and a file is unpacked when it is read: where the snapshot takes sources by
 * reference, it is not copied. mtimes (with `preserveMtime`) are Info-ZIP's extended timestamps, or else the DOS times, taken for UTC.
 *
 * A directory that the snapshot has already, also as a symlink to one, takes in the entries and stays as it is otherwise; anything
 * else is replaced, except that nothing but a directory comes in a directory's place. Names are UTF-8 where the zip says so or was
 * made on a Unix, and code page 437 otherwise.
 *
 * The zip need not be trusted: nothing in it comes out of `dest`, no file grows beyond the size that it declares, and what readers
 * may take in two ways is refused (entries that overlap, or differ between local header and central directory).
 * If it fails, the snapshot has a part of it: remove it.
 * @throws SlipwayError `INVALID_ZIP` also for a limit that is exceeded; `UNSUPPORTED` for encrypted entries, methods other than stored and
 *   deflated, devices, and zips of several parts; `INVALID_PATH` for `..`, absolute paths, backslashes of Windows, and whiteouts;
 *   `ALREADY_EXISTS` for two files of one name; `IS_A_DIRECTORY`, `NOT_A_DIRECTORY`; all name the entry
 */
export async function addZip(
  work: WritableSnapshot,
  source: Blob | Uint8Array | ReopenableSource,
  options: AddZipOptions = {},
): Promise<AddedEntries> {
  const { signal, entryLimit, sizeLimit } = options;
  const zip = reopenable(source);
  const limits = { entryLimit, sizeLimit, limitCode: "INVALID_ZIP" } as const;
  return await addTree(work, options, { name: "reading zip", ...limits }, async (adder) => {
    for (const entry of await readCentralDirectory(zip, entryLimit ?? Number.POSITIVE_INFINITY, signal)) {
      const label = `zip entry ${shown(entry.name)}`;
      checkPath(entry, label);
      const node = nodeOf(zip, entry, options);
      if (node === undefined) adder.warn(`${label} is a socket, which an image cannot hold: it is left out`);
      else await adder.add(entry.name, node, label);
    }
  });
}

/** Any of these as a source that can be read by parts. */
export function reopenable(source: Blob | Uint8Array | ReopenableSource): ReopenableSource {
  if (source instanceof Uint8Array) return bytesSource(source);
  return source instanceof Blob ? blobSource(source) : source;
}

function checkPath({ name, unix }: ZipEntry, label: string): void {
  if (name.startsWith("/")) throw new SlipwayError("INVALID_PATH", `Cannot add ${label}: its path is absolute`);
  // On a Unix a backslash is a character like others.
  if (unix || !name.includes("\\")) return;
  throw new SlipwayError(
    "INVALID_PATH",
    `Cannot add ${label}: its path has a backslash, which readers take differently`,
  );
}

/** What an entry is; undefined for a socket. */
function nodeOf(zip: ReopenableSource, entry: ZipEntry, options: ModeOptions): SourceNode | undefined {
  const { slash, size } = entry;
  const what = `its entry ${shown(entry.name)}`;
  const said = (entry.unixMode ?? 0) & KIND;
  const kind = said === 0 ? (slash ? DIRECTORY : REGULAR) : said;
  if (slash !== (kind === DIRECTORY))
    throw invalidZip(`${what} is a directory by its name or by its mode, but not by both`);
  if (kind !== REGULAR && kind !== SYMLINK && size > 0) throw invalidZip(`${what} is no file, but has a content`);
  const attributes = attributesOf(entry, options);
  switch (kind) {
    case REGULAR:
      return { type: "file", attributes, content: entrySource(zip, entry), size };
    case DIRECTORY:
      return { type: "directory", attributes };
    case SYMLINK:
      return { type: "symlink", attributes: { ...attributes, mode: 0o777 }, target: () => targetOf(zip, entry, what) };
    case FIFO:
      return { type: "fifo", attributes };
    case SOCKET:
      return undefined;
    default:
      throw unsupportedZip(`${what} is a device, whose numbers a zip does not have`);
  }
}

function attributesOf(entry: ZipEntry, { mode }: ModeOptions): NodeAttributes {
  const { name, slash, uid, gid, mtime, unixMode } = entry;
  const byDefault = (slash ? DEFAULT_ATTRIBUTES.directory : DEFAULT_ATTRIBUTES.file).mode;
  return { mode: mode?.(name, slash) ?? (unixMode === undefined ? byDefault : unixMode & 0o7777), uid, gid, mtime };
}

async function targetOf(zip: ReopenableSource, entry: ZipEntry, what: string): Promise<string> {
  if (entry.size > TARGET_LIMIT)
    throw invalidZip(`${what} is a symlink whose target is longer than ${TARGET_LIMIT} bytes`);
  return decodeName(await readAll(entrySource(zip, entry).open(), TARGET_LIMIT, what));
}
