import { type ByteRange, blobSource } from "../../bytes.ts";
import type { NamedSource } from "../../content/index.ts";
import { pageError } from "./page-error.ts";

/** Up to here a file is read at one go: a stream costs more than the bytes. */
const SMALL = 64 * 1024;

/**
 * A file of a page as a source; its bytes stay on disk until they are read.
 * @param path what it is called in messages
 */
export function pageFileSource(file: Blob, path: string): NamedSource {
  return {
    size: file.size,
    name: path,
    open: (range) => read(file, path, range),
    readWhole: () => readWhole(file, path),
  };
}

async function readWhole(file: Blob, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw pageError(error, path);
  }
}

async function* read(
  file: Blob,
  path: string,
  { offset = 0, length = file.size - offset }: ByteRange = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (length > SMALL) yield* blobSource(file).open({ offset, length });
    else if (length > 0) yield new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
  } catch (error) {
    throw pageError(await reasonOf(error, file), path);
  }
}

/** Chromium's streams fail with no more than "network error"; a short read says why. */
async function reasonOf(error: unknown, file: Blob): Promise<unknown> {
  if (error instanceof DOMException) return error;
  return await file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => error,
      (reason: unknown) => reason,
    );
}
