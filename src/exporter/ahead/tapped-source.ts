import type { ReadRange, ReopenableSource } from "../../bytes.ts";
import type { NamedSource } from "../../content/references.ts";
import type { OperationOptions } from "../../progress.ts";
import type { AheadEntry } from "./ahead-entry.ts";

/** A source whose bytes also go to an entry of a layer, the first time that they are read as a whole. */
export function tapped(source: ReopenableSource, entry: AheadEntry): NamedSource {
  return source.readWhole === undefined ? new TappedSource(source, entry) : new WholeTappedSource(source, entry);
}

class TappedSource implements NamedSource {
  readonly size: number;
  protected readonly source: NamedSource;
  /** Until it is read. It must not be held longer: sources are kept for as long as a build lasts. */
  #entry: AheadEntry | undefined;

  constructor(source: ReopenableSource, entry: AheadEntry) {
    this.size = source.size;
    this.source = source;
    this.#entry = entry;
  }

  get name(): string | undefined {
    return this.source.name;
  }

  open(range?: ReadRange, options?: OperationOptions): AsyncIterable<Uint8Array> {
    const whole = range?.offset === undefined && range?.length === undefined;
    const entry = whole ? this.takeEntry() : undefined;
    const chunks = this.source.open(range, options);
    return entry === undefined ? chunks : handOver(chunks, entry);
  }

  async mistaken(): Promise<void> {
    await this.source.mistaken?.();
  }

  protected takeEntry(): AheadEntry | undefined {
    const entry = this.#entry;
    this.#entry = undefined;
    return entry;
  }
}

class WholeTappedSource extends TappedSource {
  readWhole(options?: OperationOptions): Uint8Array | Promise<Uint8Array> {
    const entry = this.takeEntry();
    const read = this.source.readWhole?.(options);
    if (read === undefined) throw new TypeError("a source has lost its readWhole");
    if (read instanceof Uint8Array) {
      entry?.provide(read);
      return read;
    }
    return read.then((bytes) => {
      entry?.provide(bytes);
      return bytes;
    });
  }
}

async function* handOver(
  chunks: AsyncIterable<Uint8Array>,
  entry: AheadEntry,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handover = entry.stream();
  for await (const chunk of chunks) {
    await handover.give(chunk);
    yield chunk;
  }
  handover.end();
}
