import { checkLeaseId, isLeaseId, type Lease, type LeaseManager } from "../../content/leases.ts";
import type { ContentInfo, ContentStore } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { type Digest, isDigest, parseDigest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import type { BlobRecord } from "./blob-record.ts";
import type { R2Blobs } from "./blobs.ts";
import { deleteObjects, forEach, type R2Calls } from "./calls.ts";
import { encodeDocument } from "./document.ts";
import type { ListedRecord, R2Records } from "./records.ts";
import type { R2Data, Segment } from "./segments.ts";
import { type R2Sweeps, type SweepMark, stays } from "./sweeps.ts";

/** What a sweep asks for what is to stay. */
type Mark = Parameters<LeaseManager["sweep"]>[2];

/** Milliseconds after which a lease that was not released (its Worker was killed) protects nothing more. */
const LIFETIME = 24 * 60 * 60 * 1000;

/** Blobs that a sweep marks at a time, and milliseconds that it has for deciding on them. */
const MARKED = 100;
const DECISION = 20_000;

/** How often a sweep looks again at blobs that another had marked. */
const ROUNDS = 3;

/** What an {@link R2Leases} works with. */
export interface R2LeasesOptions {
  readonly calls: R2Calls;
  readonly records: R2Records;
  /** What the keys of the records begin with. */
  readonly prefix: string;
  readonly blobs: R2Blobs;
  readonly data: R2Data;
  readonly sweeps: R2Sweeps;
}

/** A lease as it stands there. */
interface FoundLease {
  readonly id: string;
  readonly etag: string;
  /**
   * Part of the keys of its protections: one that comes after it under the same id has another. That of a lease without an id of the
   * caller's is the id, which nobody uses again.
   */
  readonly nonce: string | undefined;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

/**
 * Leases without a lock. A lease is an object `ID`, and each blob that it protects an object `ID/NONCE/ALGORITHM-HEX`: keys that nobody
 * else writes to, and that are written once. R2's own clock tells how old they are.
 *
 * A sweep marks the records of its candidates, reads the leases and names, and decides on all that it has marked by creating one object
 * (`R2Sweeps`). Reads of R2 see all writes that have ended before: so either who protects a blob finds the mark and waits for the decision, or
 * the sweep finds the protection.
 */
export class R2Leases implements LeaseManager {
  readonly #options: R2LeasesOptions;

  constructor(options: R2LeasesOptions) {
    this.#options = options;
  }

  async create(id?: string): Promise<Lease> {
    const { records } = this.#options;
    const nonce = randomName();
    if (id !== undefined) checkLeaseId(id);
    const key = id ?? nonce;
    const bytes = encodeDocument({ nonce });
    const notes = { summary: nonce };
    for (;;) {
      const created = await records.create(key, bytes, notes);
      if (created !== undefined) return this.#lease({ id: key, nonce, etag: created }, true);
      const found = await this.#find(key);
      if (found === undefined) continue;
      if (!this.#isExpired(found)) {
        throw new SlipwayError("ALREADY_EXISTS", `Cannot create lease ${id}: there is one of that id`);
      }
      const replaced = await records.replace(key, found.etag, bytes, notes);
      if (replaced !== undefined) return this.#lease({ id: key, nonce, etag: replaced }, true);
    }
  }

  async list(): Promise<readonly string[]> {
    const { leases } = await this.#all();
    return [...leases.values()].filter((lease) => !this.#isExpired(lease)).map(({ id }) => id);
  }

  async get(id: string): Promise<Lease> {
    const found = isLeaseId(id) ? await this.#find(id) : undefined;
    if (found !== undefined && !this.#isExpired(found)) return this.#lease(found, false);
    throw new SlipwayError("NOT_FOUND", `Cannot find lease ${id}: there is none of that id`);
  }

  async protectedDigests(): Promise<ReadonlySet<Digest>> {
    const { leases, protections } = await this.#all();
    const digests = new Set<Digest>();
    for (const { id, nonce, digest } of protections) {
      const lease = leases.get(id);
      if (digest !== undefined && lease?.nonce === nonce && !this.#isExpired(lease)) digests.add(digest);
    }
    return digests;
  }

  async sweep(
    content: ContentStore,
    candidates: readonly ContentInfo[],
    mark: Mark,
    signal?: AbortSignal,
  ): Promise<readonly ContentInfo[]> {
    const removed: ContentInfo[] = [];
    // Documents are small: where a sweep ends early, what they refer to is there longer than they are.
    const all = candidates.map(({ digest, size }) => ({ digest, size })).sort((a, b) => a.size - b.size);
    for (let at = 0; at < all.length; at += MARKED) {
      let rest: readonly Digest[] = all.slice(at, at + MARKED).map(({ digest }) => digest);
      for (let round = 1; rest.length > 0 && round <= ROUNDS; round++) {
        const result = await this.#sweep(content, rest, mark, signal);
        for (const { info } of result.gone) removed.push(info);
        rest = result.rest;
        await forEach(rest, (digest) => this.#options.blobs.settle(digest));
      }
    }
    return removed;
  }

  /** Deletes leases that have expired, and what stands under none since before that time (milliseconds since the epoch). */
  async tidy(before: number): Promise<void> {
    const { calls, prefix, records } = this.#options;
    const { leases, protections } = await this.#all();
    const expired = [...leases.values()].filter((lease) => this.#isExpired(lease));
    await records.bury(expired.map(({ id, etag }) => ({ key: id, etag })));
    for (const { id } of expired) leases.delete(id);
    const left = protections.filter(({ id, nonce, uploaded }) => uploaded < before && leases.get(id)?.nonce !== nonce);
    await deleteObjects(
      calls,
      left.map(({ key }) => prefix + key),
    );
    await records.tidy(before);
  }

  /**
   * Removes what `mark` does not name.
   * @returns what it removed, and what another sweep was about to remove
   */
  async #sweep(
    content: ContentStore,
    digests: readonly Digest[],
    mark: Mark,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly gone: readonly BlobRecord[]; readonly rest: readonly Digest[] }> {
    const { calls, blobs, data, sweeps } = this.#options;
    signal?.throwIfAborted();
    const own: SweepMark = { sweep: randomName(), until: calls.now() + DECISION };
    const marked: BlobRecord[] = [];
    const rest: Digest[] = [];
    let wanted: ReadonlySet<Digest>;
    try {
      await forEach(digests, async (digest) => {
        signal?.throwIfAborted();
        const { state, blob } = await blobs.mark(digest, own);
        if (blob !== undefined) marked.push(blob);
        if (state === "marked by another") rest.push(digest);
      });
      if (marked.length === 0) return { gone: [], rest };
      wanted = await mark(blobs.undecided(content));
      signal?.throwIfAborted();
    } catch (error) {
      // Where that fails, too, who next meets a mark decides it.
      await sweeps.decide(own.sweep, "all stay").catch(() => undefined);
      throw error;
    }
    const verdict = new Set(marked.map(({ info }) => info.digest).filter((digest) => wanted.has(digest)));
    if (!(await sweeps.decide(own.sweep, verdict))) {
      throw new SlipwayError(
        "UNAVAILABLE",
        `Cannot collect garbage: what is to stay was not known within ${DECISION / 1000} s, and the blobs were wanted; try again`,
      );
    }
    const gone = marked.filter(({ info }) => !stays(verdict, info.digest));
    const segments: readonly Segment[] = gone.flatMap((blob) => blob.segments);
    // The blobs are gone by now; objects that cannot be deleted are left to `tidy`.
    await data.delete(segments).catch(() => undefined);
    return { gone, rest };
  }

  /** @param isOnlyOne whether no other object over the bucket knows of the lease */
  #lease({ id, nonce, etag }: Pick<FoundLease, "id" | "nonce" | "etag">, isOnlyOne: boolean): Lease {
    const { records, calls, prefix } = this.#options;
    const under = `${id}/${nonce}/`;
    const adding = new Map<Digest, Promise<void>>();
    const keys = new Set<string>();
    let isReleased = false;
    const protect = async (digest: Digest): Promise<void> => {
      const key = under + digest.replace(":", "-");
      if (!isReleased) {
        keys.add(key);
        // That it is there already is just as well.
        await records.create(key, encodeDocument({}));
        // In this order: a lease that is there now protects what was put under it before.
        const found = await this.#find(id);
        if (found !== undefined && found.nonce === nonce && !this.#isExpired(found)) return;
      }
      throw new SlipwayError(
        "FAILED_PRECONDITION",
        `Cannot protect ${digest}: lease ${id} was released or has expired`,
      );
    };
    return {
      id,
      add: async (digest) => {
        const added = adding.get(parseDigest(digest)) ?? protect(digest);
        adding.set(digest, added);
        await added.catch((error: unknown) => {
          adding.delete(digest);
          throw error;
        });
      },
      digests: async () => (await this.#all(under)).protections.flatMap(({ digest }) => digest ?? []),
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        adding.clear();
        if (!isOnlyOne) for (const { key } of (await this.#all(under)).protections) keys.add(key);
        try {
          // An id of the caller's may be used again.
          if (nonce === id) keys.add(id);
          else await records.remove(id, etag);
          await deleteObjects(
            calls,
            [...keys].map((key) => prefix + key),
            { urgent: true },
          );
        } catch (error) {
          isReleased = false;
          throw error;
        }
      },
    };
  }

  async #find(id: string): Promise<FoundLease | undefined> {
    const record = await this.#options.records.read(id);
    return record && leaseOf(id, record);
  }

  /** All that there is under such keys. */
  async #all(prefix = ""): Promise<{
    readonly leases: Map<string, FoundLease>;
    readonly protections: readonly Protection[];
  }> {
    const leases = new Map<string, FoundLease>();
    const protections: Protection[] = [];
    for await (const record of this.#options.records.list(prefix)) {
      const { key, uploaded } = record;
      const [id = "", nonce, name = ""] = key.split("/");
      if (nonce === undefined) {
        leases.set(id, leaseOf(id, record));
      } else {
        const digest = name.replace("-", ":");
        protections.push({ key, id, nonce, digest: isDigest(digest) ? digest : undefined, uploaded });
      }
    }
    return { leases, protections };
  }

  #isExpired({ uploaded }: FoundLease): boolean {
    return uploaded + LIFETIME <= this.#options.calls.now();
  }
}

/** A blob under a lease. */
interface Protection {
  readonly key: string;
  readonly id: string;
  readonly nonce: string;
  readonly digest: Digest | undefined;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

const leaseOf = (id: string, { etag, uploaded, notes }: Omit<ListedRecord, "key">): FoundLease => ({
  id,
  etag,
  uploaded,
  nonce: notes.summary,
});
