export type { DirectoryStore, DirectoryStoreOptions } from "./directory-store.ts";
export { openDirectoryStore, openTemporaryStore } from "./directory-store.ts";
export type { FileSourceOptions } from "./file-source.ts";
export { fileSource, fileSourceOfSize } from "./file-source.ts";
export { nodeHasher } from "./hasher.ts";
export { errnoOf, hostError } from "./host-error.ts";
export type { WriteFileOptions } from "./write-file.ts";
export { writeFileAtomically } from "./write-file.ts";
