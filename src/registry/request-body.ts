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
  readonly init: {
    readonly body?: BodyInit;
    readonly duplex?: "half";
    readonly redirect?: "error";
    readonly window?: null;
  };
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

/**
 * Opens a body to be sent once. A source is streamed where the host can do that, otherwise it becomes a `Blob`.
 * @param redirected whether the answer may be a redirect. As long as that is not known, a stream is sent so that one would be an error:
 *   see {@link UNCLONED}
 */
export async function openRequestBody(
  body: RequestBody | undefined,
  listener: BodyListener,
  redirected = false,
): Promise<OpenedBody> {
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
  const uncloned = redirected || hasFixedLengthStreams() ? {} : UNCLONED;
  return {
    init: { body: stream, duplex: "half", ...uncloned },
    size: body.size,
    streamed: true,
    failure: () => failed,
  };
}

/**
 * Fetch clones every request but one of this kind ("HTTP-network-or-cache fetch", step 8), and Node does that by `tee()`: the clone
 * would hold all of a stream in memory that was sent already. The others do not mind. Workers do not know this kind of redirect.
 */
const UNCLONED = { redirect: "error", window: null } as const;

/** Whether `fetch` failed as the answer was a redirect. Node, Deno and Bun say so each in its own words. */
export function metRedirect(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /redirect/i.test(error.message) || metRedirect(error.cause);
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

interface FixedLengthHost {
  readonly FixedLengthStream?: new (size: number) => TransformStream<Uint8Array, Uint8Array>;
}

const hasFixedLengthStreams = (): boolean => (globalThis as FixedLengthHost).FixedLengthStream !== undefined;

/** Workers send a `Content-Length` only for streams of this kind; Node and Bun take it from the header, Deno sends none. */
function withLength(stream: ReadableStream<Uint8Array>, size: number): ReadableStream<Uint8Array> {
  const { FixedLengthStream } = globalThis as FixedLengthHost;
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
