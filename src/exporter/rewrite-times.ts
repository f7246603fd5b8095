import type { ByteSource } from "../bytes.ts";
import type { TarHeader } from "../tar/entry.ts";
import { readTar, writeTar } from "../tar/index.ts";

/** PAX records that hold times as decimal seconds. `mtime` is a field of its own. */
const TIME_RECORDS: readonly string[] = ["atime", "ctime", "LIBARCHIVE.creationtime"];

/** Whether a tar has an entry with a time later than `epoch` (seconds since 1970). Reads no further than needed. */
export async function hasLaterTimes(tar: ByteSource, epoch: number): Promise<boolean> {
  for await (const entry of readTar(tar)) {
    if (clampTimes(entry, epoch) !== entry) return true;
  }
  return false;
}

/**
 * The same entries with all times that are later than `epoch` set to it, written as Slipway writes tars. The source is read to
 * its very end, also behind the end marker, so that a source that verifies itself has its say.
 */
export async function* rewriteTimes(tar: ByteSource, epoch: number): AsyncGenerator<Uint8Array, void, undefined> {
  async function* entries(): AsyncGenerator<{ header: TarHeader; content: ByteSource }, void, undefined> {
    for await (const entry of readTar(tar)) yield { header: clampTimes(entry, epoch), content: entry.content() };
  }
  yield* writeTar(entries());
}

/** The header with its times clamped, or itself if none is later. */
function clampTimes(header: TarHeader, epoch: number): TarHeader {
  const { mtime, mtimeNanoseconds = 0, pax } = header;
  const mtimeIsLater = mtime > epoch || (mtime === epoch && mtimeNanoseconds > 0);
  const laterRecords = TIME_RECORDS.filter((name) => isLater(pax?.get(name), epoch));
  if (!mtimeIsLater && laterRecords.length === 0) return header;
  const clamped = { ...header, ...(mtimeIsLater ? { mtime: epoch, mtimeNanoseconds: 0 } : {}) };
  if (laterRecords.length === 0) return clamped;
  const time = new TextEncoder().encode(String(epoch));
  return { ...clamped, pax: new Map([...(pax ?? []), ...laterRecords.map((name) => [name, time] as const)]) };
}

function isLater(record: Uint8Array | undefined, epoch: number): boolean {
  return record !== undefined && Number(new TextDecoder().decode(record)) > epoch;
}
