import { SlipwayError } from "../errors.ts";

/** What a layer that is read must not go beyond, so that a hostile one cannot fill the memory. */
export interface LayerLimits {
  /** Entries, directories that only paths in it imply among them. Default 10 million. */
  readonly entries?: number | undefined;
  /** Bytes of the uncompressed tar, and of its files together, sparse ones expanded. Default: no limit. */
  readonly size?: number | undefined;
  /** Names in a path. Default 1024; a path has at most 4095 bytes in any case, as on Linux. */
  readonly depth?: number | undefined;
}

const DEFAULT_ENTRIES = 10_000_000;
const DEFAULT_DEPTH = 1024;

/** Holds the layers of one image to limits that they have together. */
export class LayerBudget {
  readonly #limits: LayerLimits;
  #entries = 0;
  #files = 0;
  #tars = 0;
  /** Bytes of the tar that is read now. */
  #tar = 0;
  /** What is read now, for messages. */
  #layer = "layer";

  constructor(limits: LayerLimits = {}) {
    this.#limits = limits;
  }

  /** Another layer begins. @param layer what it is called in messages */
  begin(layer: string): void {
    this.#layer = layer;
    this.#tars += this.#tar;
    this.#tar = 0;
  }

  /** Counts an entry, or a directory that is implied. @throws SlipwayError `INVALID_TAR` */
  countEntry(): void {
    const { entries = DEFAULT_ENTRIES } = this.#limits;
    if (++this.#entries > entries) throw this.#exceeded(`more than ${entries} entries`, "entries");
  }

  /** Counts the content of a file. @throws SlipwayError `INVALID_TAR` */
  countFile(size: number): void {
    this.#files += size;
    this.#checkSize(this.#files, "files");
  }

  /** Notes how many bytes of the tar there are so far. @throws SlipwayError `INVALID_TAR` */
  countTar(size: number): void {
    this.#tar = size;
    this.#checkSize(this.#tars + size, "tars");
  }

  /** @throws SlipwayError `INVALID_TAR` */
  checkDepth(names: number): void {
    const { depth = DEFAULT_DEPTH } = this.#limits;
    if (names > depth) throw this.#exceeded(`a path of ${names} names, more than ${depth}`, "depth");
  }

  #checkSize(bytes: number, what: string): void {
    const { size = Number.POSITIVE_INFINITY } = this.#limits;
    if (bytes > size) throw this.#exceeded(`more than ${size} bytes of ${what}`, "size");
  }

  #exceeded(what: string, option: keyof LayerLimits): SlipwayError {
    return new SlipwayError(
      "INVALID_TAR",
      `Cannot apply ${this.#layer}: it has, with the layers before it, ${what}; raise the limit \`${option}\` for an image that is trusted`,
    );
  }
}
