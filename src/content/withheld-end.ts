import { SMALL_SIZE } from "../bytes.ts";

/** What the bytes of a source must turn out to be. */
export interface ExpectedBytes {
  /** How many there must be, if that is known. */
  readonly size: number | undefined;
  /** What to fail with if there are more or fewer. @param actual bytes in all; of a source that goes on too long, so far */
  wrongSize(actual: number): Error;
  /** Told of each chunk before it is passed on. */
  readonly update?: (chunk: Uint8Array) => void | Promise<void>;
  /** Asked when all bytes have come; fails if they are the wrong ones. */
  readonly verify?: () => void | Promise<void>;
}

/**
 * The same bytes, but the last of them only once all of them are known to be right. Whoever counts bytes (a response with a
 * `Content-Length`, an upload, an entry of a tar) is done when the last one comes and does not ask what the source has to say
 * afterwards. What is held back of a source of known size is a copy, so that its arrays may be filled again; otherwise it is the last
 * chunk, which must then be the reader's own.
 */
export async function* withheldEnd(
  source: AsyncIterable<Uint8Array>,
  { size, wrongSize, update, verify }: ExpectedBytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  let actual = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    actual += chunk.byteLength;
    if (size !== undefined && actual > size) throw wrongSize(actual);
    await update?.(chunk);
    if (actual === size) {
      const kept = Math.max(0, chunk.byteLength - SMALL_SIZE);
      held = chunk.slice(kept);
      if (kept > 0) yield chunk.subarray(0, kept);
    } else if (size === undefined) {
      if (held !== undefined) yield held;
      held = chunk;
    } else yield chunk;
  }
  if (size !== undefined && actual !== size) throw wrongSize(actual);
  await verify?.();
  if (held !== undefined) yield held;
}
