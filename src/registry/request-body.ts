import { chunksOf, type ReopenableSource, rechunk, toBlob, toReadableStream } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { RequestBody } from "./transport.ts";

/** What the sending of a body tells while it goes. */
export interface BodyListener {
  /** The body's own source is being read: the registry is not to blame for the time that takes. */
  onReading(): void;
  /** Bytes were handed to the host. */
  onSending(): void;
}

/** A body as `fetch` takes it. */
export interface OpenedBody {
  readonly init: { readonly body?: BodyInit; readonly duplex?: "half" };
  /** Bytes in all. */
  readonly size: number;
  /** Whether the listener is told. A host tells nothing of how far it is with a body that it has whole. */
  readonly streamed: boolean;
  /** What the source failed with. `fetch` would report it as a failure of the network. */
  failure(): { readonly error: unknown } | undefined;
}

/** Bytes that are handed over at a time: each costs Node's fetch some 50 µs, however small it is. */
const CHUNK = 256 * 1024;

const notStreamed = (body: Uint8Array<ArrayBuffer> | Blob | undefined, size: number): OpenedBody => ({
  init: body === undefined ? {} : { body },
  size,
  streamed: false,
  failure: () => undefined,
});

/** Opens a body to be sent once. A source is streamed where the host can do that, otherwise it becomes a `Blob`. */
export async function openRequestBody(body: RequestBody | undefined, listener: BodyListener): Promise<OpenedBody> {
  if (body === undefined) return notStreamed(undefined, 0);
  if (body instanceof Uint8Array) return notStreamed(body, body.byteLength);
  if (!("open" in body)) return notStreamed(body, body.size);
  if (body.size === 0) return notStreamed(new Uint8Array(), 0);
  if (!canStreamRequests()) return notStreamed(await toBlob(checkedChunks(body)), body.size);

  let failed: { readonly error: unknown } | undefined;
  async function* chunks(source: ReopenableSource): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      listener.onReading();
      for await (const chunk of rechunk(checkedChunks(source), CHUNK)) {
        listener.onSending();
        yield chunk;
        listener.onReading();
      }
    } catch (error) {
      failed = { error };
      throw error;
    } finally {
      listener.onSending();
    }
  }
  const stream = withLength(toReadableStream(chunks(body)), body.size);
  return { init: { body: stream, duplex: "half" }, size: body.size, streamed: true, failure: () => failed };
}

/** A source that is longer or shorter than it says would break the connection for everything that follows. */
async function* checkedChunks(source: ReopenableSource): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  const wrong = (): SlipwayError =>
    new SlipwayError(
      "SIZE_MISMATCH",
      `Cannot send ${source.size} bytes: their source has ${size > source.size ? "more" : `only ${size}`}`,
    );
  for await (const chunk of chunksOf(source.open())) {
    size += chunk.byteLength;
    if (size > source.size) throw wrong();
    yield chunk;
  }
  if (size < source.size) throw wrong();
}

/** Workers send a `Content-Length` only for streams of this kind; Node and Bun take it from the header, Deno sends none. */
function withLength(stream: ReadableStream<Uint8Array>, size: number): ReadableStream<Uint8Array> {
  type FixedLength = new (size: number) => TransformStream<Uint8Array, Uint8Array>;
  const { FixedLengthStream } = globalThis as { readonly FixedLengthStream?: FixedLength };
  if (FixedLengthStream === undefined) return stream;
  const { readable, writable } = new FixedLengthStream(size);
  // Who reads the stream is told as well.
  stream.pipeTo(writable).catch(() => undefined);
  return readable;
}

/**
 * Whether a stream can be a request's body. Pages cannot: Chromium only over HTTP/2, WebKit and Firefox not at all, and what Firefox
 * sends instead is the text "[object ReadableStream]". Pages and their workers have a `location`, other hosts have not.
 */
export function canStreamRequests(): boolean {
  if ((globalThis as { readonly location?: unknown }).location !== undefined) return false;
  try {
    const init: RequestInit & { duplex: "half" } = { method: "POST", body: new ReadableStream(), duplex: "half" };
    return !new Request("https://registry.invalid/", init).headers.has("content-type");
  } catch {
    return false;
  }
}

/**
 * Whether the host's fetch keeps a second copy of a streamed body in memory until its end, unless redirects are errors and `window` is
 * null (Fetch, "HTTP-network-or-cache fetch", which clones the request so that it can be sent anew). That is Node's: it is the only one
 * besides pages that minds what `window` is.
 */
export function copiesStreams(): boolean {
  try {
    const window = "" as unknown as null;
    return !new Request("https://registry.invalid/", { window });
  } catch {
    return true;
  }
}
