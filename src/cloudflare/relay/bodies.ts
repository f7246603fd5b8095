import { badGateway, type RelayError } from "./relay-error.ts";

/** Workers know the length of a body only from streams of this kind. */
type FixedLength = new (size: number) => TransformStream<Uint8Array, Uint8Array>;

const fixedLength = (): FixedLength | undefined =>
  (globalThis as { readonly FixedLengthStream?: FixedLength }).FixedLengthStream;

/** A body on its way. */
export interface PassingBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Resolves when it has been passed on whole, rejects when it was not. */
  readonly passed: Promise<void>;
}

/**
 * A body that says how long it is and is no longer than a limit. In Workers one whose length is known is passed on by the host
 * itself, which costs no computing time and fails by itself if it turns out to be of another length.
 * @param tooLong what to fail with
 */
export function passBody(
  body: ReadableStream<Uint8Array>,
  length: number | undefined,
  limit: number,
  tooLong: () => RelayError,
): PassingBody {
  const FixedLengthStream = fixedLength();
  const through =
    length !== undefined && FixedLengthStream !== undefined
      ? new FixedLengthStream(length)
      : countingStream(length, limit, tooLong);
  const passed = body.pipeTo(through.writable);
  // Who reads the stream is told as well.
  passed.catch(() => undefined);
  return { stream: through.readable, passed };
}

/** Holds no more than the chunk that is being read. */
function countingStream(
  length: number | undefined,
  limit: number,
  tooLong: () => RelayError,
): TransformStream<Uint8Array, Uint8Array> {
  let size = 0;
  return new TransformStream<Uint8Array, Uint8Array>(
    {
      transform(chunk, controller) {
        size += chunk.byteLength;
        if (size > limit) throw tooLong();
        if (length !== undefined && size > length) throw wrongLength(length);
        controller.enqueue(chunk);
      },
      flush() {
        if (length !== undefined && size < length) throw wrongLength(length);
      },
    },
    { highWaterMark: 1 },
    { highWaterMark: 0 },
  );
}

const wrongLength = (length: number): RelayError =>
  badGateway(`Cannot relay a body: it was said to have ${length} bytes, and has not`);

/** What `Content-Length` says, or undefined if it says nothing that can be. */
export function lengthOf(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
