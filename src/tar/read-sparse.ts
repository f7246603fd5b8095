import type { SlipwayError, SlipwayErrorCode } from "../errors.ts";
import { BLOCK_SIZE } from "./block.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { EntryContent } from "./content.ts";
import { parseDecimal } from "./decode-field.ts";
import type { RawHeader } from "./decode-header.ts";
import type { TarEntryType } from "./entry.ts";
import { SPARSE_MAP } from "./parse-pax.ts";
import {
  checkSparseMap,
  oldGnuSparseSize,
  readMapBlocks,
  readMapRecord,
  readOldGnuMap,
  type SparsePart,
  textOf,
} from "./sparse.ts";

/** What makes an entry a sparse file. */
export interface SparseFile {
  /** Bytes of the expanded file. */
  readonly size: number;
  readonly parts: readonly SparsePart[];
  /** The real name, where the one in the header stands in for it. */
  readonly name: string | undefined;
}

/** What is there to read a sparse map from. */
export interface SparseContext {
  readonly type: TarEntryType;
  readonly reader: ByteReader;
  readonly content: EntryContent;
  /** Most bytes of the map. */
  readonly limit: number;
  readonly fail: (reason: string, code?: SlipwayErrorCode) => SlipwayError;
}

/**
 * Reads the map of a sparse file: old GNU (type `S`), or in PAX records version 0.0, 0.1 or 1.0. Undefined for any other entry.
 */
export async function readSparse(
  header: RawHeader,
  block: Uint8Array,
  records: ReadonlyMap<string, Uint8Array>,
  context: SparseContext,
): Promise<SparseFile | undefined> {
  const { content, fail } = context;
  const sparse =
    header.flag === "S" ? await readOldGnu(header, block, context) : await readPax(header, records, context);
  if (sparse === undefined) return undefined;
  if (context.type !== "file") throw fail(`it is sparse, but a ${context.type}`);
  checkSparseMap(sparse.parts, sparse.size, content.left, fail);
  return sparse;
}

async function readOldGnu(header: RawHeader, block: Uint8Array, context: SparseContext): Promise<SparseFile> {
  const { reader, limit, fail } = context;
  if (header.format !== "gnu") throw fail("it is a sparse file of another than the GNU format");
  const size = oldGnuSparseSize(block, fail);
  const readBlock = async (): Promise<Uint8Array> => {
    const next = await reader.read(BLOCK_SIZE);
    if (next.byteLength < BLOCK_SIZE) throw fail("its sparse map is truncated");
    return next;
  };
  return { size, parts: await readOldGnuMap(block, readBlock, limit, fail), name: undefined };
}

async function readPax(
  header: RawHeader,
  records: ReadonlyMap<string, Uint8Array>,
  { content, limit, fail }: SparseContext,
): Promise<SparseFile | undefined> {
  const version = sparseVersion(records, fail);
  if (version === undefined) return undefined;
  const size = textOf(records, "GNU.sparse.size") || textOf(records, "GNU.sparse.realsize");
  const parts =
    version === 1 ? await readMapBlocks(() => content.read(BLOCK_SIZE), limit, fail) : readMapRecord(records, fail);
  return {
    size: size === "" ? header.size : parseDecimal(size, "real size", fail),
    parts,
    name: textOf(records, "GNU.sparse.name") || undefined,
  };
}

/** Where the map is: 0 in the records, 1 before the content. Undefined if the file is not sparse. */
function sparseVersion(records: ReadonlyMap<string, Uint8Array>, fail: SparseContext["fail"]): 0 | 1 | undefined {
  const major = textOf(records, "GNU.sparse.major");
  const minor = textOf(records, "GNU.sparse.minor");
  if (major === "0" && (minor === "0" || minor === "1")) return 0;
  if (major === "1" && minor === "0") return 1;
  if (major !== "" || minor !== "") throw fail(`it is a sparse file of version ${major}.${minor}`, "UNSUPPORTED");
  // The versions 0 did not always say so.
  return records.has(SPARSE_MAP) || records.has("GNU.sparse.numblocks") ? 0 : undefined;
}
