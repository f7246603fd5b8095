import type { ReopenableSource } from "../../../bytes.ts";
import { ByteReader } from "../../../tar/byte-reader.ts";
import { invalidZip } from "./invalid.ts";

/**
 * A part of the zip in memory.
 * @throws SlipwayError `INVALID_ZIP` if the source ends before
 */
export async function readRange(
  source: ReopenableSource,
  offset: number,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (offset < 0 || offset + length > source.size) throw invalidZip("it is truncated");
  if (length === 0) return new Uint8Array(0);
  const reader = new ByteReader(source.open({ offset, length }), signal);
  try {
    const bytes = await reader.read(length);
    if (bytes.byteLength < length) throw invalidZip("it is truncated");
    return bytes;
  } finally {
    await reader.close();
  }
}
