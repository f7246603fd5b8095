import { createHash } from "node:crypto";

/** A manifest or index as it was put. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** An upload that has begun. */
export interface StoredUpload {
  readonly id: string;
  readonly chunks: Uint8Array[];
  size: number;
  /** A chunk came that was shorter than the registry's minimum: it must have been the last. */
  shortChunk: boolean;
}

/** One repository of a test registry, open to tests: they may look, put things in and take them away. */
export interface StoredRepository {
  readonly blobs: Map<string, Uint8Array>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, StoredUpload>;
}

/** All repositories by name; `of` makes one that is not there. */
export class Repositories extends Map<string, StoredRepository> {
  of(name: string): StoredRepository {
    let repository = this.get(name);
    if (repository === undefined) {
      repository = { blobs: new Map(), manifests: new Map(), tags: new Map(), uploads: new Map() };
      this.set(name, repository);
    }
    return repository;
  }
}

/** The digest of bytes, by the algorithm that `like` names. */
export function digestLike(like: string, bytes: Uint8Array | readonly Uint8Array[]): string {
  const algorithm = like.startsWith("sha512:") ? "sha512" : "sha256";
  const hash = createHash(algorithm);
  for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) hash.update(chunk);
  return `${algorithm}:${hash.digest("hex")}`;
}
