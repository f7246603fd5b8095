import { isSlipwayError } from "../errors.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { type DocumentReferences, mayBeDocument, NO_REFERENCES, referencesOf } from "./document-references.ts";
import { type LeaseManager, type Mark, sweep } from "./leases.ts";
import { type BlobReference, DOCUMENT_LIMIT, readBlobBytes } from "./read.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "./store.ts";

/** What stays: a digest, or a descriptor, whose media type then says whether it is a manifest, an index or neither. */
export type GarbageRoot = Digest | (BlobReference & { readonly mediaType?: string | undefined });

/** What {@link GarbageCollection.roots} gives. */
export type GarbageRoots = Iterable<GarbageRoot> | AsyncIterable<GarbageRoot>;

/** What {@link collectGarbage} works on. */
export interface GarbageCollection {
  /** The store that is collected. */
  readonly content: ContentStore;
  /**
   * Lists image targets, files of snapshots and whatever else is to stay, with all that their manifests and indexes refer to. Called
   * after the leases were read, and again before anything is removed, so that an image that was named meanwhile is seen.
   */
  readonly roots: () => GarbageRoots | Promise<GarbageRoots>;
  /** What may be removed at all, for example what a build that failed has written. Default: whatever the store has. */
  readonly among?: Iterable<Digest> | undefined;
  /** What leases protect stays too. Without them nothing else may write to the store meanwhile. */
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
 * Removes the blobs that nothing refers to. Marks from the leases and roots through manifests and indexes (OCI and Docker), then
 * removes what was there when it began and is not marked, after it has marked once more (see `LeaseManager.sweep`). What a blob that is
 * no document contains is never looked at; a document is read with a limit and verified.
 *
 * Blobs that are written while it runs, and that no root refers to yet, are safe only under a lease (`withLease`).
 * @throws SlipwayError `DIGEST_MISMATCH`, `SIZE_MISMATCH` if a manifest or index is corrupt: what it referred to is not known, and
 *   nothing is removed
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { content, among, leases, dryRun = false, signal } = options;
  // Listed first: what is committed from here on was put there by somebody who needs it.
  const present: ContentInfo[] = [];
  for await (const info of among === undefined ? content.list() : infosOf(content, among)) present.push(info);
  const marker = new Marker(options);
  const marked = await marker.mark(content);
  const candidates = present.filter(({ digest }) => !marked.has(digest));
  const mark: Mark = (view) => marker.mark(view);
  const removed = dryRun
    ? candidates
    : leases === undefined
      ? await sweep(content, candidates, await mark(content), signal)
      : await leases.sweep(content, candidates, mark, signal);
  const bytes = removed.reduce((sum, { size }) => sum + size, 0);
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

/** Finds what is to stay, as often as it is asked to. A document is read once: what its digest names does not change. */
class Marker {
  readonly #options: GarbageCollection;
  /** By digest, and by what the document was said to be. */
  readonly #references = new Map<string, DocumentReferences>();

  constructor(options: GarbageCollection) {
    this.#options = options;
  }

  /** @param content in which documents are read */
  async mark(content: ContentProvider): Promise<ReadonlySet<Digest>> {
    const { leases, roots, signal } = this.#options;
    const marked = new Set<Digest>();
    // In this order: an image is named before its lease is released, so that one of the two shows it.
    const pending: GarbageRoot[] = [...((await leases?.protectedDigests()) ?? [])];
    for await (const root of await roots()) pending.push(root);
    /** Blobs that were looked into: one may be named first as a leaf and then as a document. */
    const opened = new Set<Digest>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      signal?.throwIfAborted();
      const root: Exclude<GarbageRoot, string> = typeof next === "string" ? { digest: next } : next;
      const digest = parseDigest(root.digest, "root of the garbage collection");
      marked.add(digest);
      if (opened.has(digest) || !mayBeDocument(root.mediaType)) continue;
      opened.add(digest);
      const { leaves, documents } = await this.#referencesOf(content, digest, root.mediaType);
      for (const leaf of leaves) marked.add(leaf);
      pending.push(...documents);
    }
    return marked;
  }

  async #referencesOf(
    content: ContentProvider,
    digest: Digest,
    mediaType: string | undefined,
  ): Promise<DocumentReferences> {
    const key = `${digest} ${mediaType ?? ""}`;
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const { signal } = this.#options;
    const { size } = await content.info(digest, { signal }).catch(orMissing);
    // A root that is not there, as the layers of an image of which only a part was fetched, refers to nothing here.
    if (size === undefined) return NO_REFERENCES;
    try {
      const isDocument = size <= DOCUMENT_LIMIT;
      const bytes = isDocument ? await readBlobBytes(content, { digest, size }, { signal }) : new Uint8Array();
      const found = referencesOf(bytes, mediaType);
      this.#references.set(key, found);
      return found;
    } catch (error) {
      // Another collection has just removed it.
      unlessGone(error);
      return NO_REFERENCES;
    }
  }
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
