import { SlipwayError } from "../../errors.ts";
import type { SourceKind } from "./source-kind.ts";

/** Counts what comes from a source, and holds it to the limits of its kind. */
export class Counts {
  readonly #kind: SourceKind;
  #made = 0;
  #size = 0;
  /** Entries that were taken, directories that only entries in them imply not among them. */
  entries = 0;
  /** Regular files. */
  files = 0;
  /** Files of which the content was known beforehand. */
  cached = 0;
  /** Bytes of files that are written. */
  written = 0;

  constructor(kind: SourceKind) {
    this.#kind = kind;
  }

  /** Bytes of all files. */
  get size(): number {
    return this.#size;
  }

  /** Notes that something is made. @throws SlipwayError if that is too much, with the code of the source's kind */
  countMade(doing: string): void {
    const { entryLimit = Number.POSITIVE_INFINITY } = this.#kind;
    this.#made++;
    if (this.#made > entryLimit)
      throw this.#limit(`${doing}: there are more than the ${entryLimit} entries that may be`);
  }

  /** Notes that a file comes. @throws SlipwayError as {@link countMade} */
  countFile(size: number, doing: string): void {
    const { sizeLimit = Number.POSITIVE_INFINITY } = this.#kind;
    this.#size += size;
    if (this.#size > sizeLimit)
      throw this.#limit(`${doing}: the files have more than the ${sizeLimit} bytes that they may`);
    this.files++;
  }

  /** Notes that a directory came with all that is in it. */
  countKnown({ entries, files, size }: KnownCounts): void {
    this.entries += entries;
    this.#size += size;
    this.files += files;
    this.cached += files;
    this.written += size;
  }

  #limit(message: string): SlipwayError {
    return new SlipwayError(this.#kind.limitCode ?? "OUT_OF_RANGE", message);
  }
}

/** What a directory has that is added as a whole. */
export interface KnownCounts {
  readonly entries: number;
  readonly files: number;
  /** Bytes of all files. */
  readonly size: number;
}
