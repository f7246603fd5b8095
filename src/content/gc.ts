import { isSlipwayError } from "../errors.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { mayBeDocument, referencesOf } from "./document-references.ts";
import type { LeaseManager } from "./leases.ts";
import { type BlobReference, DOCUMENT_LIMIT, readBlobBytes } from "./read.ts";
import type { ContentInfo, ContentStore } from "./store.ts";

/** What stays: a digest, or a descriptor, whose media type then says whether it is a manifest, an index or neither. */
export type GarbageRoot = Digest | (BlobReference & { readonly mediaType?: string | undefined });

/** What {@link collectGarbage} works on. */
export interface GarbageCollection {
  /** The store that is collected. */
  readonly content: ContentStore;
  /** Image targets, files of snapshots and whatever else is to stay, with all that their manifests and indexes refer to. */
  readonly roots: Iterable<GarbageRoot> | AsyncIterable<GarbageRoot>;
  /** What may be removed at all, for example what a build that failed has written. Default: whatever the store has. */
  readonly among?: Iterable<Digest> | undefined;
  /** What leases protect stays too; collections over the same leases run one at a time. */
  readonly leases?: LeaseManager | undefined;
  /** Refs of ingests to be thrown away, for example those that nobody has written to for a day. Default: all ingests stay. */
  readonly abandoned?: Iterable<string> | AsyncIterable<string> | undefined;
  /** Only say what would be removed. */
  readonly dryRun?: boolean | undefined;
  /** Aborting it ends the collection with its `reason`; blobs that are gone by then stay gone. */
  readonly signal?: AbortSignal | undefined;
}

/** What a collection removed, or would have. */
export interface CollectedGarbage {
  /** The blobs, with the sizes and labels they had. */
  readonly removed: readonly ContentInfo[];
  /** Bytes of the removed blobs. */
  readonly bytes: number;
  /** Refs of the ingests that were thrown away. */
  readonly ingests: readonly string[];
}

/**
 * Removes the blobs that nothing refers to. Marks from the roots and leases through manifests and indexes (OCI and Docker),
 * then removes what was there when it began and is not marked. What a blob that is no document contains is never looked at;
 * a document is read with a limit and verified.
 *
 * Blobs that are written while it runs, and that no root refers to yet, are safe only under a lease (`withLease`).
 * @throws SlipwayError `DIGEST_MISMATCH`, `SIZE_MISMATCH` if a manifest or index is corrupt: what it referred to is not known, and
 *   nothing is removed
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { leases, dryRun } = options;
  // A dry run holds nobody up, and works on a store that may only be read.
  return leases === undefined || dryRun ? await collect(options) : await leases.collecting(() => collect(options));
}

async function collect(options: GarbageCollection): Promise<CollectedGarbage> {
  const { content, among, leases, dryRun = false, signal } = options;
  // Listed first: what is committed from here on was put there by somebody who needs it.
  const candidates: ContentInfo[] = [];
  for await (const info of among === undefined ? content.list() : infosOf(content, among)) candidates.push(info);
  const marked = await mark(options);
  const removed: ContentInfo[] = [];
  let bytes = 0;
  for (const info of candidates) {
    signal?.throwIfAborted();
    if (marked.has(info.digest)) continue;
    if (!dryRun) {
      const remove = (): Promise<void> => content.delete(info.digest).catch(unlessGone);
      if (leases === undefined) await remove();
      else if (!(await leases.unlessProtected(info.digest, remove))) continue;
    }
    removed.push(info);
    bytes += info.size;
  }
  return { removed, bytes, ingests: await abortIngests(options) };
}

async function* infosOf(content: ContentStore, digests: Iterable<Digest>): AsyncGenerator<ContentInfo> {
  for (const digest of new Set(digests)) {
    const info = await content.info(digest).catch((error: unknown) => {
      unlessGone(error);
      return undefined;
    });
    if (info !== undefined) yield info;
  }
}

async function mark({ content, roots, leases, signal }: GarbageCollection): Promise<ReadonlySet<Digest>> {
  const marked = new Set<Digest>();
  const documents: GarbageRoot[] = [];
  for (const digest of (await leases?.protectedDigests()) ?? []) documents.push(digest);
  for await (const root of roots) documents.push(root);
  /** Blobs that have been looked into: one may be named first as a leaf and then as a document. */
  const opened = new Set<Digest>();
  for (let next = documents.pop(); next !== undefined; next = documents.pop()) {
    signal?.throwIfAborted();
    const root: Exclude<GarbageRoot, string> = typeof next === "string" ? { digest: next } : next;
    const digest = parseDigest(root.digest, "root of the garbage collection");
    marked.add(digest);
    if (opened.has(digest) || !mayBeDocument(root.mediaType)) continue;
    opened.add(digest);
    const { size } = await content.info(digest).catch(orMissing);
    // A root that is not there, as the layers of an image of which only a part was fetched, refers to nothing here.
    if (size === undefined || size > DOCUMENT_LIMIT) continue;
    const found = referencesOf(await readBlobBytes(content, { digest, size }, { signal }), root.mediaType);
    for (const leaf of found.leaves) marked.add(leaf);
    documents.push(...found.documents);
  }
  return marked;
}

async function abortIngests({ content, abandoned, dryRun, signal }: GarbageCollection): Promise<readonly string[]> {
  const aborted: string[] = [];
  for await (const ref of abandoned ?? []) {
    signal?.throwIfAborted();
    try {
      if (dryRun) await content.status(ref);
      else await content.abort(ref);
      aborted.push(ref);
    } catch (error) {
      // Gone by itself, or somebody writes to it again.
      if (!isSlipwayError(error, "NOT_FOUND") && !isSlipwayError(error, "UNAVAILABLE")) throw error;
    }
  }
  return aborted;
}

function orMissing(error: unknown): { readonly size: undefined } {
  unlessGone(error);
  return { size: undefined };
}

function unlessGone(error: unknown): void {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}
