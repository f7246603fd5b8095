export { encodeHeader } from "./encode-header.ts";
export type { TarEntry, TarEntryType, TarHeader } from "./entry.ts";
export { compareNames, comparePaths, decodeName, encodeName, isUtf8Name } from "./names.ts";
export { type ReadTarOptions, readTar, type TarLimits } from "./reader.ts";
export { type TarInput, writeTar } from "./writer.ts";
export type { ByteSource } from "../bytes.ts";
