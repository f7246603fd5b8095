import { isSlipwayError, SlipwayError } from "../errors.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { type DocumentReferences, mayBeDocument, NO_REFERENCES, referencesOf } from "./document-references.ts";
import { type LeaseManager, sweep } from "./leases.ts";
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
 * @throws SlipwayError `INVALID_ARGUMENT` if `roots` is no function, or gives what is no root; `INVALID_DIGEST`; `DIGEST_MISMATCH`,
 *   `SIZE_MISMATCH` if a manifest or index is corrupt: what it referred to is not known, and nothing is removed
 */
export async function collectGarbage(options: GarbageCollection): Promise<CollectedGarbage> {
  const { content, among, leases, dryRun = false, signal } = options;
  if (typeof options.roots !== "function") {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      "Cannot collect garbage: roots is a function that lists what is to stay, not a list of what was to stay some time ago",
    );
  }
  // Listed first: what is committed from here on was put there by somebody who needs it.
  const present: ContentInfo[] = [];
  for await (const info of among === undefined ? content.list() : infosOf(content, among)) present.push(info);
  const marker = new Marker(options);
  const marked = await marker.mark(content);
  const candidates = present.filter(({ digest }) => !marked.has(digest));
  const mark = (view: ContentProvider): Promise<ReadonlySet<Digest>> => marker.mark(view);
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

/** A function with braces and no `return` gives nothing. @throws SlipwayError `INVALID_ARGUMENT` */
function checkRoots(roots: GarbageRoots): GarbageRoots {
  const given: unknown = roots;
  if (typeof given === "object" && given !== null && (Symbol.iterator in given || Symbol.asyncIterator in given)) {
    return roots;
  }
  throw new SlipwayError("INVALID_ARGUMENT", `Cannot collect garbage: roots gives no list, but ${String(given)}`);
}

/** @throws SlipwayError `INVALID_ARGUMENT` */
function checkRoot(root: GarbageRoot): GarbageRoot {
  const given: unknown = root;
  if (typeof given === "string" || (typeof given === "object" && given !== null && "digest" in given)) return root;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    "Cannot collect garbage: a root is a digest or a descriptor; give the `target` of an image, not the image itself",
  );
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
    for await (const root of checkRoots(await roots())) pending.push(checkRoot(root));
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
    let found: DocumentReferences;
    try {
      const { size } = await content.info(digest, { signal });
      found =
        size > DOCUMENT_LIMIT
          ? NO_REFERENCES
          : referencesOf(await readBlobBytes(content, { digest, size }, { signal }), mediaType);
    } catch (error) {
      // A root that is not there, as the layers of an image of which only a part was fetched, refers to nothing here. Nor does one that
      // another collection removes just now.
      unlessGone(error);
      return NO_REFERENCES;
    }
    this.#references.set(key, found);
    return found;
  }
}

async function abortIngests({ content, abandoned, dryRun, signal }: GarbageCollection): Promise<readonly string[]> {
  const aborted: string[] = [];
  for await (const ref of abandoned ?? []) {
    signal?.throwIfAborted();
    try {
      // Who goes on with one by now holds it, and that it is held is looked at in the step that throws it away.
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

function unlessGone(error: unknown): void {
  if (!isSlipwayError(error, "NOT_FOUND")) throw error;
}
