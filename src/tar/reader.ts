import type { ByteSource, ReopenableSource } from "../bytes.ts";
import { SlipwayError, type SlipwayErrorCode } from "../errors.ts";
import { BLOCK_SIZE, METADATA_LIMIT } from "./block.ts";
import { ByteReader } from "./byte-reader.ts";
import { EntryContent } from "./content.ts";
import { readCString } from "./decode-field.ts";
import { decodeHeader, isZeroBlock, type RawHeader } from "./decode-header.ts";
import type { TarEntry, TarEntryType } from "./entry.ts";
import { type EntryMetadata, mergeRecords, toTarHeader } from "./merge-header.ts";
import { parsePaxRecords } from "./parse-pax.ts";
import { GNU_SPARSE } from "./pax.ts";
import { readSparse } from "./read-sparse.ts";

/** How an archive is read. */
export interface ReadTarOptions {
  /** Looked at around every read of the source; aborting it makes `next()` reject with its `reason`. */
  readonly signal?: AbortSignal | undefined;
  /** What is refused with `INVALID_TAR`, so that a hostile archive cannot fill the memory. */
  readonly limits?: TarLimits | undefined;
}

/** What a hostile archive must not go beyond. */
export interface TarLimits {
  /** Bytes of one PAX header, GNU long name or sparse map, and of all global records together. Default 1 MiB, as Go's. */
  readonly metadata?: number | undefined;
  /** Entries in all. Default: any number, as they are not kept. */
  readonly entries?: number | undefined;
}

const entryTypes: Readonly<Record<string, TarEntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  // Contiguous files are files; S is GNU's old sparse form.
  "7": "file",
  S: "file",
};
const VOLUME_LABEL = "V";
/** Types whose size means nothing. */
const withoutContent: ReadonlySet<string> = new Set(["1", "2", "3", "4", "5", "6"]);

/** About these, readers differ on whether and to what a global header applies. */
const notGlobal: ReadonlySet<string> = new Set(["path", "linkpath", "size"]);

/**
 * Reads an archive, entry by entry, while it comes: version 7, ustar, PAX (global headers too), GNU (long names, base-256
 * numbers) and star, sparse files of all four GNU forms expanded. Where readers have been at odds it decides as Go's
 * `archive/tar` does, and so as container runtimes do; what could be read in two ways is refused.
 *
 * - Only a PAX header's `size`, if there is one, tells a file's size; links, directories and special files have no content.
 * - Two zero blocks end the archive; what follows is read and ignored. It may also just end between two entries.
 * - Records of a global header stand for the fields of all entries that follow; those that stand for no field are left out.
 *
 * Entries have to be worked on in order; the content of each can be read until the next is asked for.
 * @throws SlipwayError `INVALID_TAR` naming the entry and its offset: truncated, a field that is no number or beyond 2^53, a
 *   wrong checksum, PAX records or a sparse map that contradict themselves, a limit exceeded. `UNSUPPORTED` for entries that are
 *   no files (multi-volume, incremental dumps) and unknown types. `FAILED_PRECONDITION` if a content is read twice or late.
 */
export async function* readTar(
  source: ByteSource,
  options: ReadTarOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(source, options.signal);
  try {
    const archive = new ArchiveReader(reader, options.limits ?? {});
    for (;;) {
      const entry = await archive.next();
      if (entry === undefined) break;
      yield entry;
    }
    // To the end, so that a source that verifies itself there can do so.
    while ((await reader.readSome(BLOCK_SIZE * 128)) !== undefined);
  } finally {
    await reader.close();
  }
}

/** An entry, and where it lies in the archive. */
export interface PlacedTarEntry extends TarEntry {
  /** First byte of the content in the archive. Absent for sparse files, whose contents do not lie there as they are. */
  readonly offset?: number;
}

/**
 * Reads the headers of an archive that can be opened anywhere, and passes over the contents without reading them: what lies where.
 * Otherwise as {@link readTar}; what follows the archive's end is not looked at.
 * @throws SlipwayError as {@link readTar}
 */
export async function* indexTar(
  source: ReopenableSource,
  options: ReadTarOptions = {},
): AsyncGenerator<PlacedTarEntry, void, undefined> {
  const reader = new ByteReader(source, options.signal);
  try {
    const archive = new ArchiveReader(reader, options.limits ?? {});
    for (;;) {
      const entry = await archive.next();
      if (entry === undefined) return;
      const { contentOffset: offset } = archive;
      yield offset === undefined ? entry : { ...entry, offset };
    }
  } finally {
    await reader.close();
  }
}

class ArchiveReader {
  readonly #reader: ByteReader;
  readonly #metadataLimit: number;
  readonly #entryLimit: number;
  readonly #global = new Map<string, Uint8Array>();
  #globalSize = 0;
  #entries = 0;
  #content: EntryContent | undefined;
  #contentOffset: number | undefined;

  constructor(reader: ByteReader, limits: TarLimits) {
    this.#reader = reader;
    this.#metadataLimit = limits.metadata ?? METADATA_LIMIT;
    this.#entryLimit = limits.entries ?? Number.POSITIVE_INFINITY;
  }

  /** Where the content of the last entry begins; undefined if it is sparse. */
  get contentOffset(): number | undefined {
    return this.#contentOffset;
  }

  /** The next entry; undefined at the end. */
  async next(): Promise<TarEntry | undefined> {
    let metadata: EntryMetadata = this.#noMetadata();
    let pending = false;
    for (;;) {
      await this.#content?.finish();
      const place = new Place(this.#reader.offset);
      const block = await this.#headerBlock(place);
      if (block === undefined) {
        if (pending) throw place.fail("the archive ends after a header that is about the next entry");
        return undefined;
      }
      const header = decodeHeader(block, place.fail);
      place.name = header.name;
      // Even if a PAX header replaces it, or a trailing slash makes this a directory later on.
      if (header.size < 0 && !withoutContent.has(header.flag)) throw place.fail(`its size is ${header.size}`);
      switch (header.flag) {
        case "x":
          // Of two PAX headers in a row, the second stands.
          metadata = { ...metadata, local: parsePaxRecords(await this.#special(header, place), place.fail) };
          pending = true;
          break;
        case "L":
          metadata = { ...metadata, longName: readCString(await this.#special(header, place)) };
          pending = true;
          break;
        case "K":
          metadata = { ...metadata, longLink: readCString(await this.#special(header, place)) };
          pending = true;
          break;
        case "g":
          if (pending) throw place.fail("a global header is between an entry and a header that is about it");
          this.#addGlobal(parsePaxRecords(await this.#special(header, place), place.fail), place);
          break;
        case VOLUME_LABEL:
          this.#open(header.size, place);
          metadata = this.#noMetadata();
          pending = false;
          break;
        default:
          return await this.#entry(header, block, metadata, place);
      }
    }
  }

  /** The next header block; undefined where the archive ends. */
  async #headerBlock(place: Place): Promise<Uint8Array | undefined> {
    const block = await this.#reader.read(BLOCK_SIZE);
    if (block.byteLength === 0) return undefined;
    if (block.byteLength < BLOCK_SIZE) throw place.fail("the header is truncated");
    if (!isZeroBlock(block)) return block;
    const second = await this.#reader.read(BLOCK_SIZE);
    if (second.byteLength === 0) return undefined;
    if (second.byteLength < BLOCK_SIZE) throw place.fail("the end marker is truncated");
    if (isZeroBlock(second)) return undefined;
    throw place.fail("a single zero block is between two entries");
  }

  async #entry(header: RawHeader, block: Uint8Array, metadata: EntryMetadata, place: Place): Promise<TarEntry> {
    const nanoseconds = mergeRecords(header, metadata, place.fail);
    place.name = header.name;
    const type = header.flag === "\0" && header.name.endsWith("/") ? "directory" : entryTypes[header.flag];
    if (type === undefined) {
      throw place.fail(`its type ${JSON.stringify(header.flag)} is not one of a file system's`, "UNSUPPORTED");
    }
    this.#entries++;
    if (this.#entries > this.#entryLimit) throw place.fail(`the archive has more than ${this.#entryLimit} entries`);
    const content = this.#open(type === "file" ? header.size : 0, place);
    const { offset } = this.#reader;
    const sparse = await readSparse(header, block, metadata.local, {
      type,
      reader: this.#reader,
      content,
      limit: this.#metadataLimit,
      fail: place.fail,
    });
    this.#contentOffset = sparse === undefined ? offset : undefined;
    const size = sparse?.size ?? (type === "file" ? header.size : 0);
    if (sparse?.name !== undefined) header.name = sparse.name;
    const fields = toTarHeader(header, type, size, nanoseconds, metadata, place.fail);
    return { ...fields, content: () => content.open(sparse?.parts, size) };
  }

  /** The content of a header that is about another entry. */
  async #special(header: RawHeader, place: Place): Promise<Uint8Array> {
    const content = this.#open(header.size, place);
    if (header.size > this.#metadataLimit) {
      throw place.fail(`this header of type ${header.flag} is longer than ${this.#metadataLimit} bytes`);
    }
    return await content.read(header.size);
  }

  #open(size: number, place: Place): EntryContent {
    if (size < 0) throw place.fail(`its size is ${size}`);
    this.#content = new EntryContent(this.#reader, size, place.fail);
    return this.#content;
  }

  #addGlobal(records: ReadonlyMap<string, Uint8Array>, place: Place): void {
    for (const [keyword, value] of records) {
      if (notGlobal.has(keyword) || keyword.startsWith(GNU_SPARSE)) {
        throw place.fail(`a global header sets ${keyword}, which readers take differently`, "UNSUPPORTED");
      }
      this.#globalSize -= this.#global.get(keyword)?.byteLength ?? 0;
      if (!this.#global.has(keyword)) this.#globalSize += keyword.length;
      this.#global.set(keyword, value);
      this.#globalSize += value.byteLength;
      if (value.byteLength > 0) continue;
      this.#global.delete(keyword);
      this.#globalSize -= keyword.length;
    }
    if (this.#globalSize <= this.#metadataLimit) return;
    throw place.fail(`the global headers set more than ${this.#metadataLimit} bytes`);
  }

  #noMetadata(): EntryMetadata {
    return { local: new Map(), global: this.#global, longName: "", longLink: "" };
  }
}

/** Where in the archive an entry is, for messages. */
class Place {
  readonly #offset: number;
  name: string | undefined;

  constructor(offset: number) {
    this.#offset = offset;
  }

  readonly fail = (reason: string, code: SlipwayErrorCode = "INVALID_TAR"): SlipwayError => {
    const entry = this.name === undefined ? "header" : `entry ${JSON.stringify(this.name.slice(0, 200))}`;
    return new SlipwayError(code, `Cannot read tar: ${entry} at byte ${this.#offset}: ${reason}`);
  };
}
