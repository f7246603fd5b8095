import { isSlipwayError, SlipwayError } from "../errors.ts";
import { type Digest, isDigest, parseDigest } from "../oci/digest.ts";
import { randomName } from "../random.ts";
import type { ContentInfo, ContentProvider, ContentStore } from "./store.ts";

/** Where leases are kept: the part of `MetadataStore` that they need. */
export interface LeaseRecords {
  /** The value under this key; undefined if there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Creates or replaces a record. */
  set(key: string, value: Uint8Array): Promise<void>;
  /** Removes a record; does nothing if there is none. */
  delete(key: string): Promise<void>;
  /** All keys that begin with `prefix`, in ascending order. */
  keys(prefix: string): Promise<readonly string[]>;
}

/** How a {@link LeaseManager} is made. */
export interface LeaseManagerOptions {
  /**
   * Runs `work` while no other work runs on the same records, in this process or another. Default: excludes work of this object
   * only, which is enough for records in memory.
   */
  readonly exclusive?: (<T>(work: () => Promise<T>) => Promise<T>) | undefined;
  /** Seconds since the epoch. Without it leases do not expire. */
  readonly now?: (() => number) | undefined;
  /** Seconds after which a lease that was not released (its process was killed) protects nothing more. Default: one day. */
  readonly lifetime?: number | undefined;
}

/**
 * Protects the blobs of one operation from garbage collection, also one by another process, until something that stays (an
 * image's name) refers to them.
 */
export interface Lease {
  /** 1 to 128 letters, digits, `.`, `_` and `-`; `LeaseManager.get` finds the lease by it. */
  readonly id: string;
  /**
   * Protects a blob, which need not be there yet, and all that it refers to. Once this has resolved, a blob that the store says is
   * there stays until `release`: protect first, look second. What was looked up before may be gone by now.
   * @throws SlipwayError `FAILED_PRECONDITION` if the lease was released or has expired
   */
  add(digest: Digest): Promise<void>;
  /** What it protects. */
  digests(): Promise<readonly Digest[]>;
  /** Ends the protection. Harmless if called again. */
  release(): Promise<void>;
}

/**
 * Leases over one set of records: containerd's `leases.Manager`, and the protocol between those who protect blobs and a collection that
 * removes them.
 *
 * A writer protects a blob, then looks whether it is there, then names an image, then releases the lease. A collection makes its
 * candidates impossible to find (or keeps leases from being added to), then marks, and removes what is not marked. Whichever comes first,
 * either the writer sees that the blob is gone, or the mark sees the lease or the name.
 */
export interface LeaseManager {
  /**
   * Begins a lease that protects nothing yet.
   * @param id printable name without `/`, default a random one
   * @throws SlipwayError `ALREADY_EXISTS`, `INVALID_ARGUMENT`
   */
  create(id?: string): Promise<Lease>;
  /** Ids of the leases that are in force, in ascending order. */
  list(): Promise<readonly string[]>;
  /** The lease of that id, also one that another process made. @throws SlipwayError `NOT_FOUND` */
  get(id: string): Promise<Lease>;
  /** Blobs that some lease protects now. */
  protectedDigests(): Promise<ReadonlySet<Digest>>;
  /**
   * Removes those of the candidates that `mark` does not name.
   * @param mark lists what is to stay; called when no lease can take in a candidate any more without learning that it is gone. It reads
   *   the leases first and everything else second: an image is named before its lease is released. It changes no lease, and reads
   *   documents in the store that it is given. Where it fails, nothing is removed.
   * @param signal aborting it ends the sweep with its `reason`; blobs that are gone by then stay gone
   * @returns what was removed
   */
  sweep(
    content: ContentStore,
    candidates: readonly ContentInfo[],
    mark: (content: ContentProvider) => Promise<ReadonlySet<Digest>>,
    signal?: AbortSignal,
  ): Promise<readonly ContentInfo[]>;
}

/**
 * Leases that last as long as the records do.
 * @param records for example a `MetadataStore`; keys begin with `leases/`
 */
export function createLeaseManager(records: LeaseRecords, options: LeaseManagerOptions = {}): LeaseManager {
  return new RecordedLeases(records, options);
}

const DAY = 24 * 60 * 60;
const PREFIX = "leases/";
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isLeaseId(id: string): boolean {
  return ID.test(id);
}

/** @throws SlipwayError `INVALID_ARGUMENT` */
export function checkLeaseId(id: string): void {
  if (isLeaseId(id)) return;
  throw new SlipwayError("INVALID_ARGUMENT", `Cannot create lease ${JSON.stringify(id)}: an id matches ${ID.source}`);
}

interface LeaseState {
  /** Seconds since the epoch. */
  readonly expires?: number;
}

class RecordedLeases implements LeaseManager {
  readonly #records: LeaseRecords;
  readonly #exclusive: NonNullable<LeaseManagerOptions["exclusive"]>;
  readonly #now: (() => number) | undefined;
  readonly #lifetime: number;

  constructor(records: LeaseRecords, options: LeaseManagerOptions) {
    this.#records = records;
    this.#exclusive = options.exclusive ?? exclusiveHere();
    this.#now = options.now;
    this.#lifetime = options.lifetime ?? DAY;
  }

  async create(id: string = randomName()): Promise<Lease> {
    checkLeaseId(id);
    const expires = this.#now === undefined ? {} : { expires: this.#now() + this.#lifetime };
    await this.#exclusive(async () => {
      const state = await this.#state(id);
      if (state !== undefined && !this.#isExpired(state)) {
        throw new SlipwayError("ALREADY_EXISTS", `Cannot create lease ${id}: there is one of that id`);
      }
      if (state !== undefined) await this.#remove(id);
      await this.#records.set(PREFIX + id, encode(expires));
    });
    return this.#lease(id);
  }

  async list(): Promise<readonly string[]> {
    const states = await this.#states();
    return [...states].filter(([, state]) => !this.#isExpired(state)).map(([id]) => id);
  }

  async get(id: string): Promise<Lease> {
    const state = ID.test(id) ? await this.#state(id) : undefined;
    if (state === undefined || this.#isExpired(state)) {
      throw new SlipwayError("NOT_FOUND", `Cannot find lease ${id}: there is none of that id`);
    }
    return this.#lease(id);
  }

  async protectedDigests(): Promise<ReadonlySet<Digest>> {
    const states = await this.#states();
    const digests = new Set<Digest>();
    for (const key of await this.#records.keys(PREFIX)) {
      const { id, digest } = parseKey(key);
      const state = states.get(id);
      if (digest !== undefined && state !== undefined && !this.#isExpired(state)) digests.add(digest);
    }
    return digests;
  }

  sweep(
    content: ContentStore,
    candidates: readonly ContentInfo[],
    mark: (content: ContentProvider) => Promise<ReadonlySet<Digest>>,
    signal?: AbortSignal,
  ): Promise<readonly ContentInfo[]> {
    // No lease takes in a blob meanwhile. One that is released meanwhile does no harm: its image has its name by now.
    return this.#exclusive(async () => {
      await this.#removeExpired();
      return await sweep(content, candidates, await mark(content), signal);
    });
  }

  #lease(id: string): Lease {
    const added = new Set<Digest>();
    return {
      id,
      add: async (digest) => {
        if (added.has(parseDigest(digest))) return;
        await this.#exclusive(async () => {
          const state = await this.#state(id);
          if (state === undefined || this.#isExpired(state)) {
            throw new SlipwayError(
              "FAILED_PRECONDITION",
              `Cannot protect ${digest}: lease ${id} was released or has expired`,
            );
          }
          await this.#records.set(`${PREFIX}${id}/${digest}`, encode({}));
        });
        added.add(digest);
      },
      digests: async () => (await this.#records.keys(`${PREFIX}${id}/`)).flatMap((key) => parseKey(key).digest ?? []),
      release: async () => {
        added.clear();
        await this.#exclusive(async () => {
          const state = await this.#state(id);
          if (state !== undefined) await this.#remove(id);
        });
      },
    };
  }

  async #state(id: string): Promise<LeaseState | undefined> {
    const record = await this.#records.get(PREFIX + id);
    return record === undefined ? undefined : decode(record);
  }

  async #states(): Promise<ReadonlyMap<string, LeaseState>> {
    const states = new Map<string, LeaseState>();
    for (const key of await this.#records.keys(PREFIX)) {
      const { id, digest } = parseKey(key);
      if (digest !== undefined || !ID.test(id)) continue;
      const state = await this.#state(id);
      if (state !== undefined) states.set(id, state);
    }
    return states;
  }

  #isExpired(state: LeaseState): boolean {
    return this.#now !== undefined && state.expires !== undefined && state.expires <= this.#now();
  }

  async #removeExpired(): Promise<void> {
    for (const [id, state] of await this.#states()) if (this.#isExpired(state)) await this.#remove(id);
  }

  /** The lease itself goes first: entries without it protect nothing. */
  async #remove(id: string): Promise<void> {
    await this.#records.delete(PREFIX + id);
    for (const key of await this.#records.keys(`${PREFIX}${id}/`)) await this.#records.delete(key);
  }
}

function parseKey(key: string): { readonly id: string; readonly digest: Digest | undefined } {
  const [id = "", digest] = key.slice(PREFIX.length).split("/");
  return { id, digest: isDigest(digest) ? digest : undefined };
}

const encode = (state: LeaseState): Uint8Array => new TextEncoder().encode(JSON.stringify(state));

/** A record that cannot be read protects as long as one without an expiry. */
function decode(record: Uint8Array): LeaseState {
  try {
    const state: unknown = JSON.parse(new TextDecoder().decode(record));
    if (typeof state !== "object" || state === null) return {};
    return "expires" in state && typeof state.expires === "number" ? { expires: state.expires } : {};
  } catch {
    return {};
  }
}

/**
 * Removes the candidates that are not marked. Those that are gone already are passed by.
 * @returns what was removed
 */
export async function sweep(
  content: ContentStore,
  candidates: readonly ContentInfo[],
  marked: ReadonlySet<Digest>,
  signal?: AbortSignal,
): Promise<readonly ContentInfo[]> {
  const removed: ContentInfo[] = [];
  for (const info of candidates) {
    signal?.throwIfAborted();
    if (marked.has(info.digest)) continue;
    try {
      await content.delete(info.digest);
      removed.push(info);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
  }
  return removed;
}

/** One after the other within this object. */
function exclusiveHere(): NonNullable<LeaseManagerOptions["exclusive"]> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
