import { invalidZstd } from "./invalid.ts";
import { ZstdLiterals } from "./zstd-literals.ts";
import { ZstdSequences } from "./zstd-sequences.ts";
import { ZstdWindow } from "./zstd-window.ts";

/** Decodes the blocks of one frame, one after the other. Each call gives the bytes of a block, which are the caller's. */
export class ZstdBlocks {
  readonly #window: ZstdWindow;
  readonly #literals: ZstdLiterals = new ZstdLiterals();
  readonly #sequences: ZstdSequences = new ZstdSequences();

  /** @param windowSize bytes that matches may reach back */
  constructor(windowSize: number) {
    this.#window = new ZstdWindow(windowSize);
  }

  /** A block that is stored as it is. */
  raw(bytes: Uint8Array): Uint8Array {
    this.#window.begin();
    this.#window.append(bytes, 0, bytes.byteLength);
    return this.#window.take();
  }

  /** A block of one byte again and again. */
  repeated(byte: number, size: number): Uint8Array {
    this.#window.begin();
    this.#window.repeat(byte, size);
    return this.#window.take();
  }

  /** A compressed block: literals, and sequences that say what comes between them. */
  compressed(block: Uint8Array): Uint8Array {
    const window = this.#window;
    const { bytes: literals, end } = this.#literals.read(block);
    window.begin();
    let used = 0;
    this.#sequences.read(block.subarray(end), (count, match, distance) => {
      if (used + count > literals.byteLength) throw invalidZstd("a block of it has too few literals");
      window.append(literals, used, count);
      used += count;
      window.copy(distance, match);
    });
    window.append(literals, used, literals.byteLength - used);
    return window.take();
  }
}
