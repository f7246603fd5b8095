/**
 * The tar codec: entries to bytes as Go's `archive/tar` writes them, and bytes of every usual format to entries. Names, times,
 * extended attributes and PAX records come through unharmed.
 *
 * @example
 * ```ts
 * import { readTar, writeTar } from "slipway/tar";
 *
 * const content = new TextEncoder().encode("hi\n");
 * const header = { name: "hello", type: "file", mode: 0o644, uid: 0, gid: 0, size: content.byteLength, mtime: 0 } as const;
 * for await (const entry of readTar(writeTar([{ header, content }]))) console.log(entry.name, entry.size);
 * ```
 *
 * @module
 */

export { encodeHeader } from "./encode-header.ts";
export type { TarEntry, TarEntryType, TarHeader } from "./entry.ts";
export { compareNames, comparePaths, decodeName, encodeName, isUtf8Name } from "./names.ts";
export { indexTar, type PlacedTarEntry, type ReadTarOptions, readTar, type TarLimits } from "./reader.ts";
export { type TarInput, writeTar } from "./writer.ts";

// Types of other rooms that the above mention.

export type { ByteRange, ByteSource, ReadRange, ReopenableSource } from "../bytes.ts";
