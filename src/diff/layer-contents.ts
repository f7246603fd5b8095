import { type ByteSource, SMALL_SIZE } from "../bytes.ts";
import { type BlobReference, readBlob, readWholeBlob } from "../content/read.ts";
import type { ContentProvider } from "../content/store.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { TarInput } from "../tar/index.ts";
import type { LayerEntry } from "./layer-entries.ts";

/** How the contents of a layer's files are read. */
export interface ContentReading {
  readonly content: ContentProvider;
  readonly hasher: HasherFactory;
  /** Told of bytes of contents as they go into the layer. */
  readonly advance: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Entries that wait for the first of them. With the size of what is read at one go this bounds what is in memory: 2 MiB. */
const READ_AHEAD = 32;

/**
 * The entries with their contents, verified as they are read. Small files come as arrays where the store has them at once, so that
 * nothing is waited for; where it has to be asked, those of the next entries are read meanwhile. Large files are opened when their
 * turn comes.
 */
export function* withContents(
  entries: Iterable<LayerEntry>,
  reading: ContentReading,
): Generator<TarInput, void, undefined> {
  const waiting: TarInput[] = [];
  for (const { header, file } of entries) {
    if (file === undefined) {
      waiting.push({ header });
    } else {
      const content = contentOf(header.name, { digest: file.content, size: file.size }, reading);
      if (content instanceof Uint8Array) reading.advance(content.byteLength);
      waiting.push({ header, content });
    }
    yield* due(waiting, READ_AHEAD);
  }
  yield* due(waiting, 0);
}

/** Takes out what need not wait: all up to the first entry that is being read, and that one too if more than `most` are waiting. */
function* due(waiting: TarInput[], most: number): Generator<TarInput, void, undefined> {
  for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
    if (first.content instanceof ReadAhead && waiting.length <= most) return;
    waiting.shift();
    yield first;
  }
}

function contentOf(name: string, blob: BlobReference & { readonly size: number }, reading: ContentReading): ByteSource {
  const { content, hasher, signal } = reading;
  if (blob.size > SMALL_SIZE) return streamed(name, blob, reading);
  let whole: ReturnType<typeof readWholeBlob>;
  try {
    whole = readWholeBlob(content, blob, SMALL_SIZE, { hasher, signal });
  } catch (error) {
    throw unreadable(error, name);
  }
  if (whole === undefined) return streamed(name, blob, reading);
  return whole instanceof Uint8Array ? whole : new ReadAhead(whole, name, blob, reading);
}

/** A small file that is being read. */
class ReadAhead implements AsyncIterable<Uint8Array> {
  readonly #whole: Promise<Uint8Array | undefined>;
  readonly #name: string;
  readonly #blob: BlobReference;
  readonly #reading: ContentReading;

  constructor(whole: Promise<Uint8Array | undefined>, name: string, blob: BlobReference, reading: ContentReading) {
    this.#whole = whole;
    this.#name = name;
    this.#blob = blob;
    this.#reading = reading;
    // An entry before it may end the layer: then nobody asks how this one went.
    whole.catch(() => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.#whole;
    } catch (error) {
      throw unreadable(error, this.#name);
    }
    if (bytes === undefined) {
      yield* streamed(this.#name, this.#blob, this.#reading);
      return;
    }
    this.#reading.advance(bytes.byteLength);
    yield bytes;
  }
}

async function* streamed(
  name: string,
  blob: BlobReference,
  { content, hasher, advance, signal }: ContentReading,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of readBlob(content, blob, { hasher, signal, reuse: true })) {
      advance(chunk.byteLength);
      yield chunk;
    }
  } catch (error) {
    throw unreadable(error, name);
  }
}

/** What is not in the store says by its digest what it is; a person knows it by its path. */
function unreadable(error: unknown, name: string): unknown {
  if (!isSlipwayError(error, "NOT_FOUND")) return error;
  return new SlipwayError("NOT_FOUND", `Cannot write /${name} to a layer: ${error.message}`, { cause: error });
}
