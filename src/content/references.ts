import type { ReopenableSource } from "../bytes.ts";
import type { Digest } from "../oci/digest.ts";
import type { ContentStore } from "./store.ts";

/**
 * A content store that also knows blobs that lie elsewhere: files of a directory, dropped `File`s. They are read where they
 * are and verified on each read, so that a source that changed meanwhile is an error and never a wrong layer.
 */
export interface ReferencingContentStore extends ContentStore {
  /** Makes `source`, whose digest the caller has computed, readable under its digest for the life of this object. */
  adopt(digest: Digest, source: ReopenableSource): void;
}
