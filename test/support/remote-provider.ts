import type { ContentProvider } from "../../src/content/store.ts";
import type { Digest } from "../../src/oci/digest.ts";

/** A provider of the kind that a repository is, and what was asked of it. */
export interface RemoteProvider extends ContentProvider {
  readonly remote: true;
  /** Digests of blobs that were read, each read once: `DIGEST`, or `DIGEST@OFFSET` for one that began further on. */
  readonly opened: string[];
  /** Digests that were only looked at. */
  readonly looked: Digest[];
  /** Reads of this blob end with an error after so many bytes, until it is removed. */
  readonly cuts: Map<Digest, number>;
}

/** Blobs of `store` as if they were in the repository `team/base` of `registry.example`. */
export function remoteProvider(store: ContentProvider): RemoteProvider {
  const opened: string[] = [];
  const looked: Digest[] = [];
  const cuts = new Map<Digest, number>();
  return {
    remote: true,
    opened,
    looked,
    cuts,
    async info(digest) {
      looked.push(digest);
      const info = await store.info(digest);
      return { ...info, labels: { ...info.labels, "containerd.io/distribution.source.registry.example": "team/base" } };
    },
    async *open(digest, range) {
      opened.push(range?.offset ? `${digest}@${range.offset}` : digest);
      let left = cuts.get(digest) ?? Number.POSITIVE_INFINITY;
      for await (const chunk of store.open(digest, range)) {
        if (left <= 0) throw new Error("connection cut");
        yield chunk.subarray(0, left);
        left -= chunk.byteLength;
      }
      if (left <= 0) throw new Error("connection cut");
    },
  };
}
