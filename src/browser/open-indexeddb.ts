import { createLeaseManager, type LeaseManager } from "../content/leases.ts";
import type { ContentStore } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import type { FlightControl } from "../exporter/flight-control.ts";
import type { MadeLayer } from "../exporter/layer-making.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import { hostHasher } from "../hash/index.ts";
import type { ImageStore } from "../images/store.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { lockedFlights } from "./flights.ts";
import { byteRecords } from "./indexeddb/byte-records.ts";
import { DatabaseContentStore, takesBlobs } from "./indexeddb/content.ts";
import { type ClosedReason, Database, deleteDatabase } from "./indexeddb/database.ts";
import { DatabaseImageStore } from "./indexeddb/images.ts";
import type { Storing } from "./indexeddb/ingest-data.ts";
import { PART_SIZE } from "./indexeddb/parts.ts";
import { recordLocks } from "./indexeddb/record-locks.ts";
import { CONTENT, IMAGES, LEASES, MARKER, METADATA, SCHEMA } from "./indexeddb/schema.ts";
import { type StoreLocks, webLocks } from "./locks.ts";
import { DataFiles } from "./opfs/data-files.ts";

/** How {@link openIndexedDB} opens. */
export interface IndexedDBOptions {
  /** Default: `hostHasher`. */
  readonly hasher?: HasherFactory | undefined;
  /** Seconds: ingests that nobody has written to for that long are thrown away now. Default: one day. */
  readonly staleAfter?: number | undefined;
  /** Called when the store cannot be used any more though nobody closed it; a page then best opens it again or reloads itself. */
  readonly onClosed?: ((reason: ClosedReason) => void) | undefined;
  /**
   * Whether what was committed survives a power failure, not only a killed browser: `durability: "strict"`. Default true.
   */
  readonly durable?: boolean | undefined;
  /**
   * Bytes from which on a blob lies in a file of the origin private file system instead of the database, where this is a dedicated
   * worker of an engine that has such files: they are written about twice as fast. Pages and workers read both. Default: 2 MiB;
   * `Infinity` for never.
   */
  readonly filesFrom?: number | undefined;
  /**
   * Whether Web Locks keep writers apart. Default: where the page has them (https or localhost). Without them locks are records that
   * expire, and what a page held that is gone is free after 20 seconds.
   */
  readonly webLocks?: boolean | undefined;
}

/** A database as a store; give it whole to `createSnapshotter`, `createExporter` or `build`. */
export interface IndexedDBStore {
  /** The database's. */
  readonly name: string;
  /** Blobs, kept in parts of some MiB, so that none is ever whole in memory. */
  readonly content: ContentStore;
  /** Image names. */
  readonly images: ImageStore;
  /** Snapshots, and what layers were made. */
  readonly metadata: MetadataStore;
  /** Leases that other pages respect too. One that its page did not release ends after a day. */
  readonly leases: LeaseManager;
  /** Lets pages wait for a layer that another one makes just now, instead of making it too. */
  readonly flights: FlightControl<MadeLayer>;
  /** Refs of ingests that nobody has written to for that many seconds. */
  abandonedIngests(seconds: number): AsyncIterable<string>;
  /** Lets go of the database. Close writers first. */
  close(): Promise<void>;
}

const DAY = 24 * 60 * 60;

/**
 * Opens a database of the browser's as content, image and metadata store, made if there is none; several pages and workers of the
 * origin may have it open at once. A page that is closed or crashes at any moment leaves it whole, and its ingests can be resumed.
 *
 * Where the storage is full, writing fails with `NO_SPACE`, and what is there stays as it is.
 * @param name of the database, one of its own for each store
 * @throws SlipwayError `INVALID_ARGUMENT`; `UNSUPPORTED` if there is no IndexedDB or the database was made by a newer version;
 *   `FAILED_PRECONDITION` if a database of that name is not Slipway's; `UNAVAILABLE` if another page holds it in an older version;
 *   `PERMISSION_DENIED`, `NO_SPACE`, `IO`
 */
export async function openIndexedDB(name: string, options: IndexedDBOptions = {}): Promise<IndexedDBStore> {
  mustBeName(name);
  for (const field of ["staleAfter", "filesFrom"] as const) mustBeAmount(field, options[field]);
  const { hasher = hostHasher, staleAfter = DAY, durable = true, filesFrom = PART_SIZE / 2, onClosed } = options;
  const database = await Database.open(name, SCHEMA, { onClosed });
  try {
    const durability = durable ? "strict" : "relaxed";
    const use = database.use(CONTENT, durability);
    const locks = chooseLocks(options, database);
    const files = new DataFiles(name);
    const storing: Storing = {
      use,
      useWithLocks: database.use(CONTENT, durability, [MARKER]),
      blobs: await takesBlobs(use),
      files,
      filesFrom: (await files.canWrite()) ? filesFrom : Number.POSITIVE_INFINITY,
      durable,
    };
    const content = new DatabaseContentStore({ storing, locks, hasher });
    await content.sweepFiles();
    await content.collectUntouchedSince(Date.now() - staleAfter * 1000);
    return {
      name,
      content,
      images: new DatabaseImageStore(database.use(IMAGES, durability)),
      metadata: byteRecords(database.use(METADATA, durability)),
      leases: createLeaseManager(
        // A power failure ends the operation that a lease is for: what it knew need not survive.
        byteRecords(database.use(LEASES, "relaxed")),
        {
          exclusive: (work) => locks.exclusive("leases", (fence) => content.fenced(fence, work)),
          now: () => Date.now() / 1000,
        },
      ),
      flights: lockedFlights(locks),
      abandonedIngests: (seconds) => content.untouchedSince(Date.now() - seconds * 1000),
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Deletes the database with all that is in it; does nothing if there is none. Stores that have it open cannot be used any more.
 * @throws SlipwayError `FAILED_PRECONDITION` if it is not Slipway's, `UNAVAILABLE` if another page does not let go of it, and as
 *   {@link openIndexedDB}
 */
export async function deleteIndexedDB(name: string): Promise<void> {
  mustBeName(name);
  const files = new DataFiles(name);
  // Listed before: those of a database that is made of that name right afterwards stay.
  const ids = await files.list();
  await deleteDatabase(name);
  for (const id of ids) await files.remove(id);
}

function chooseLocks({ webLocks: wanted }: IndexedDBOptions, database: Database): StoreLocks {
  const { locks } = navigator as { readonly locks?: LockManager };
  if (wanted ?? locks !== undefined) {
    if (locks !== undefined) return webLocks(locks, database.name);
    throw new SlipwayError("UNSUPPORTED", "Cannot use Web Locks: this page has none; serve it over https");
  }
  return recordLocks(database.use(MARKER, "relaxed"));
}

function mustBeName(name: string): void {
  if (typeof name === "string" && name !== "") return;
  throw new SlipwayError("INVALID_ARGUMENT", "Cannot open a database: it needs a name that is not empty");
}

function mustBeAmount(field: string, value: number | undefined): void {
  if (value === undefined || (typeof value === "number" && value >= 0)) return;
  const text = `Cannot open a database: ${field} is ${String(value)}, but must be a number that is not negative`;
  throw new SlipwayError("INVALID_ARGUMENT", text);
}
