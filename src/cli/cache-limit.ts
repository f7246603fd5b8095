import { type ContentInfo, type ContentStore, collectGarbage, type GarbageRoot } from "../content/index.ts";
import { removeLostBlobRecords } from "../exporter/index.ts";
import { isSlipwayError } from "../index.ts";
import type { DirectoryStore } from "../node/index.ts";
import type { Digest } from "../oci/index.ts";

/** Bytes of blobs that a cache keeps, as BuildKit does where nothing else is said; more, if the last build alone needs more. */
export const CACHE_LIMIT = 2_000_000_000;

/** Notes when a blob was used last, in seconds since 1970. */
const USED = "slipway.last-used";

/** What a killed build has left is thrown away after a day: nobody resumes it by then. */
const ABANDONED_AFTER_SECONDS = 24 * 60 * 60;

/** Notes that blobs are in use. Those that are not there are passed by. */
export async function noteUse({ content }: DirectoryStore, digests: Iterable<Digest>): Promise<void> {
  const now = String(Math.floor(Date.now() / 1000));
  for (const digest of digests) {
    await content.label(digest, { [USED]: now }).catch((error: unknown) => {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    });
  }
}

/**
 * Removes blobs, those used longest ago first, until no more than `limit` bytes are left, and what is recorded of them.
 * @param inUse stays whatever its size; so does what another build uses at this time
 * @returns the bytes that were removed
 */
export async function shrinkCache(
  { content, metadata, leases, abandonedIngests, roots }: DirectoryStore,
  limit: number,
  {
    inUse = new Set(),
    signal,
  }: { readonly inUse?: ReadonlySet<Digest>; readonly signal?: AbortSignal | undefined } = {},
): Promise<number> {
  const abandoned = abandonedIngests(ABANDONED_AFTER_SECONDS);
  const collected = await collectGarbage({
    content,
    // A cache names no images; if somebody else has put one in, it is not the cache's to remove.
    roots: async () => [...(await usedLately(content, limit, inUse)), ...(await roots())],
    leases,
    abandoned,
    signal,
  });
  if (collected.removed.length > 0) await removeLostBlobRecords(metadata, content);
  return collected.bytes;
}

/** The blobs used last that fit into `limit` bytes, and those in use. */
async function usedLately(
  content: ContentStore,
  limit: number,
  inUse: ReadonlySet<Digest>,
): Promise<readonly GarbageRoot[]> {
  const blobs: ContentInfo[] = [];
  for await (const blob of content.list()) blobs.push(blob);
  const usedAt = ({ digest, labels }: ContentInfo): number =>
    inUse.has(digest) ? Number.POSITIVE_INFINITY : Number(labels[USED] ?? 0) || 0;
  blobs.sort((a, b) => usedAt(b) - usedAt(a) || (a.digest < b.digest ? -1 : 1));
  const stay: { readonly digest: Digest; readonly mediaType: string }[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    bytes += blob.size;
    if (bytes > limit && !inUse.has(blob.digest)) break;
    // No document to the collector: each blob of a cache is there for itself.
    stay.push({ digest: blob.digest, mediaType: "application/octet-stream" });
  }
  return stay;
}
