import { BlockCutter } from "../compress/block-cutter.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Digest } from "../oci/digest.ts";
import { paddingOf } from "../tar/block.ts";
import { encodeHeader } from "../tar/index.ts";
import { END_SIZE } from "../tar/writer.ts";
import { BlockRecipe } from "./block-recipe.ts";
import type { LayerEntry } from "./layer-entries.ts";

/** A block of a layer's tar, before there are any bytes of it. */
export interface PlannedBlock {
  /** Bytes. */
  readonly size: number;
  /** See {@link BlockRecipe}. */
  readonly recipe: Uint8Array;
  /** Bytes of contents in it. */
  readonly contents: number;
  /** Whether it has a part of a file only: another edition of the file may have the same part. */
  readonly isPartial: boolean;
}

/** Entries that fill whole blocks: of small files those of one block, or else a large file and what shares a block with its end. */
export interface LayerUnit {
  readonly entries: readonly LayerEntry[];
  readonly blocks: readonly PlannedBlock[];
  /** Whether the end of the tar is in it. */
  readonly last: boolean;
}

/**
 * The blocks in which `gzip` would cut the tar of these entries, found without reading a file: where they are cut depends on headers
 * only.
 */
export function* planUnits(
  entries: Iterable<LayerEntry>,
  hasher: HasherFactory,
): Generator<LayerUnit, void, undefined> {
  const planner = new Planner(hasher);
  for (const entry of entries) yield* planner.add(entry);
  yield* planner.finish();
}

/** The blocks of {@link planUnits}. */
export function* plannedBlocks(
  entries: Iterable<LayerEntry>,
  hasher: HasherFactory,
): Generator<PlannedBlock, void, undefined> {
  for (const { blocks } of planUnits(entries, hasher)) yield* blocks;
}

/** Bytes that follow each other in the tar and are in no block yet. */
interface Segment {
  /** Whether an entry begins with it, */
  readonly begins: boolean;
  /** what it has: a header, or the end of the tar, */
  readonly bytes?: Uint8Array;
  /** or a content and its padding. */
  readonly content?: { readonly digest: Digest; readonly size: number };
  /** Bytes of it that are in blocks, */
  used: number;
  /** and all of them. */
  readonly size: number;
}

class Planner {
  readonly #hasher: HasherFactory;
  readonly #cutter = new BlockCutter();
  readonly #segments: Segment[] = [];
  #entries: LayerEntry[] = [];
  #blocks: PlannedBlock[] = [];

  constructor(hasher: HasherFactory) {
    this.#hasher = hasher;
  }

  /** Gives the unit that ended before this entry, if one did. */
  *add(entry: LayerEntry): Generator<LayerUnit, void, undefined> {
    if (this.#segments.length === 0) yield* this.#end(0);
    const { header, file } = entry;
    const bytes = encodeHeader(header);
    this.#entries.push(entry);
    this.#segments.push({ begins: true, bytes, used: 0, size: bytes.byteLength });
    for (let read = 0; read < bytes.byteLength; ) {
      read += this.#cutter.take(bytes, read);
      yield* this.#cut();
    }
    if (file === undefined) return;
    const size = file.size + paddingOf(file.size);
    this.#segments.push({ begins: false, content: { digest: file.content, size: file.size }, used: 0, size });
    for (let passed = 0; passed < size; ) {
      passed += this.#cutter.pass(size - passed);
      yield* this.#cut();
    }
  }

  *finish(): Generator<LayerUnit, void, undefined> {
    const zeros = new Uint8Array(END_SIZE);
    this.#segments.push({ begins: false, bytes: zeros, used: 0, size: zeros.byteLength });
    for (let read = 0; read < zeros.byteLength; ) {
      read += this.#cutter.take(zeros, read);
      yield* this.#cut();
    }
    for (let end = this.#cutter.lastEnd(); end > 0; end = this.#cutter.lastEnd()) this.#add(end);
    for (const unit of this.#end(0)) yield { ...unit, last: true };
  }

  /** Takes a block away if one ends here. Gives the unit that ends with it, if one does. */
  *#cut(): Generator<LayerUnit, void, undefined> {
    const end = this.#cutter.end();
    if (end === 0) return;
    this.#add(end);
    const [first] = this.#segments;
    if (first?.begins !== true || first.used > 0) return;
    yield* this.#end(this.#segments.filter(({ begins }) => begins).length);
  }

  /** The blocks as a unit, if there are any, without the last entries, which are in none of them. */
  *#end(without: number): Generator<LayerUnit, void, undefined> {
    if (this.#blocks.length === 0) return;
    const entries = this.#entries.splice(0, this.#entries.length - without);
    const blocks = this.#blocks;
    this.#blocks = [];
    yield { entries, blocks, last: false };
  }

  #add(size: number): void {
    this.#cutter.drop(size);
    const recipe = new BlockRecipe(this.#hasher);
    let contents = 0;
    let isPartial = false;
    for (let left = size; left > 0; ) {
      const [segment] = this.#segments;
      if (segment === undefined) throw new RangeError("a block of a layer has more bytes than its entries");
      const from = segment.used;
      const to = Math.min(segment.size, from + left);
      if (segment.content === undefined) {
        recipe.addBytes(segment.bytes?.subarray(from, to) ?? new Uint8Array(0));
      } else {
        recipe.addContent(segment.content.digest, from, to);
        contents += Math.min(to, segment.content.size) - Math.min(from, segment.content.size);
        isPartial ||= to - from < segment.size;
      }
      segment.used = to;
      left -= to - from;
      if (to === segment.size) this.#segments.shift();
    }
    this.#blocks.push({ size, recipe: recipe.digest(), contents, isPartial });
  }
}
