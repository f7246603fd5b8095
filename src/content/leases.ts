import { SlipwayError } from "../errors.ts";
import { type Digest, isDigest, parseDigest } from "../oci/digest.ts";
import { randomName } from "../random.ts";

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
   * Runs `work` while nobody else runs work of that name on the same records, another process neither. Default: within this
   * object only, which is enough for records in memory.
   */
  readonly exclusive?: (<T>(name: "leases" | "gc", work: () => Promise<T>) => Promise<T>) | undefined;
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
  /** Protects a blob, which need not be there yet. Returns when no collection can take it any more. */
  add(digest: Digest): Promise<void>;
  /** What it protects. */
  digests(): Promise<readonly Digest[]>;
  /** Ends the protection. Harmless if called again. */
  release(): Promise<void>;
}

/** Leases over one set of records; containerd's `leases.Manager` in small. */
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
  /** Runs a garbage collection: one at a time, and leases released meanwhile protect until it is over. */
  collecting<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `remove` unless a lease protects the blob; no lease can take the blob in meanwhile. @returns whether it ran */
  unlessProtected(digest: Digest, remove: () => Promise<void>): Promise<boolean>;
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
/** There while a collection runs. Its name cannot be an id. */
const COLLECTING = "leases/:collecting";
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

interface LeaseState {
  /** Seconds since the epoch. */
  readonly expires?: number;
  /** Released while a collection ran, which goes on to respect it. */
  readonly released?: true;
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
    if (!ID.test(id)) {
      throw new SlipwayError(
        "INVALID_ARGUMENT",
        `Cannot create lease ${JSON.stringify(id)}: an id matches ${ID.source}`,
      );
    }
    const expires = this.#now === undefined ? {} : { expires: this.#now() + this.#lifetime };
    await this.#exclusive("leases", async () => {
      const state = await this.#state(id);
      if (state !== undefined && !this.#isOver(state)) {
        throw new SlipwayError("ALREADY_EXISTS", `Cannot create lease ${id}: there is one of that id`);
      }
      if (state !== undefined) await this.#remove(id);
      await this.#records.set(PREFIX + id, encode(expires));
    });
    return this.#lease(id);
  }

  async list(): Promise<readonly string[]> {
    const states = await this.#states();
    return [...states].filter(([, state]) => !this.#isOver(state)).map(([id]) => id);
  }

  async get(id: string): Promise<Lease> {
    const state = ID.test(id) ? await this.#state(id) : undefined;
    if (state === undefined || this.#isOver(state)) {
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

  collecting<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive("gc", async () => {
      await this.#exclusive("leases", async () => {
        // A mark that is there was left by a collection that was killed: only one runs at a time.
        await this.#removeThoseOver();
        await this.#records.set(COLLECTING, encode({}));
      });
      try {
        return await work();
      } finally {
        await this.#exclusive("leases", async () => {
          await this.#records.delete(COLLECTING);
          await this.#removeThoseOver();
        });
      }
    });
  }

  unlessProtected(digest: Digest, remove: () => Promise<void>): Promise<boolean> {
    return this.#exclusive("leases", async () => {
      if ((await this.protectedDigests()).has(digest)) return false;
      await remove();
      return true;
    });
  }

  #lease(id: string): Lease {
    const added = new Set<Digest>();
    return {
      id,
      add: async (digest) => {
        if (added.has(parseDigest(digest))) return;
        await this.#exclusive("leases", async () => {
          const state = await this.#state(id);
          if (state === undefined || this.#isOver(state)) {
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
        await this.#exclusive("leases", async () => {
          const state = await this.#state(id);
          if (state === undefined) return;
          if ((await this.#records.get(COLLECTING)) === undefined) await this.#remove(id);
          else await this.#records.set(PREFIX + id, encode({ ...state, released: true }));
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

  #isOver(state: LeaseState): boolean {
    return state.released === true || this.#isExpired(state);
  }

  async #removeThoseOver(): Promise<void> {
    for (const [id, state] of await this.#states()) if (this.#isOver(state)) await this.#remove(id);
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
    const expires = "expires" in state && typeof state.expires === "number" ? { expires: state.expires } : {};
    return { ...expires, ...("released" in state && state.released === true ? { released: true } : {}) };
  } catch {
    return {};
  }
}

/** One after the other within this object. */
function exclusiveHere(): NonNullable<LeaseManagerOptions["exclusive"]> {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const result = (last.get(name) ?? Promise.resolve()).then(work);
    last.set(
      name,
      result.catch(() => undefined),
    );
    return result;
  };
}
