import { promisifyRequest, type UseStore } from "idb-keyval";
import { SlipwayError } from "../../errors.ts";
import { randomName } from "../../random.ts";
import { nameOf, storageError } from "../host-error.ts";
import { IDENTITY, MARKER, type Schema } from "./schema.ts";

/**
 * Why a database cannot be used any more: another page `deleted` it, or wants to bring it to a newer version (`upgrade`), or the
 * browser closed it and it is another one now (`replaced`).
 */
export type ClosedReason = "deleted" | "upgrade" | "replaced";

/** How a {@link Database} is opened. */
export interface DatabaseOptions {
  /** Called when it cannot be used any more, though nobody called `close`. */
  readonly onClosed?: ((reason: ClosedReason) => void) | undefined;
  /** Milliseconds to wait for other pages that hold the database in an older version. */
  readonly patience?: number | undefined;
}

/** Milliseconds. A page that gives way needs to end its transactions only. */
const PATIENCE = 5000;

const REASONS: Readonly<Record<ClosedReason, string>> = {
  deleted: "another page deletes it; open it again to begin with an empty one",
  upgrade: "another page brings it to a newer version; reload this page",
  replaced: "the browser has closed it and it was made anew since; open it again",
};

/** A connection to one database, opened again where the browser closes it by itself. */
export class Database {
  readonly name: string;
  readonly #schema: Schema;
  readonly #options: DatabaseOptions;
  #connection: Promise<IDBDatabase> | undefined;
  #current: IDBDatabase | undefined;
  #identity: unknown;
  /** Why it cannot be used any more. */
  #ended: string | undefined;

  private constructor(name: string, schema: Schema, options: DatabaseOptions) {
    this.name = name;
    this.#schema = schema;
    this.#options = options;
  }

  /**
   * Opens the database, made or brought to the schema's version if need be.
   * @throws SlipwayError `UNSUPPORTED` if it has a newer version or there is no IndexedDB, `FAILED_PRECONDITION` if it is not one of
   *   Slipway's, `UNAVAILABLE` if another page holds it in an older version, and as `storageError`
   */
  static async open(name: string, schema: Schema, options: DatabaseOptions = {}): Promise<Database> {
    const database = new Database(name, schema, options);
    await database.#connect();
    return database;
  }

  /**
   * One of its object stores, for the functions of idb-keyval.
   * @param also other stores that its transactions are over
   */
  use(storeName: string, durability: IDBTransactionDurability = "default", also: readonly string[] = []): UseStore {
    return async (mode, callback) => {
      for (let tries = 1; ; tries++) {
        const opening = this.#connect();
        const connection = await opening;
        let transaction: IDBTransaction;
        try {
          transaction = connection.transaction([storeName, ...also], mode, { durability });
        } catch (error) {
          // The browser closed it, and the event that says so is still to come.
          if (nameOf(error) !== "InvalidStateError" || tries > 1) throw error;
          if (this.#connection === opening) this.#connection = undefined;
          continue;
        }
        return await callback(transaction.objectStore(storeName));
      }
    };
  }

  /** Transactions that run come to their end. */
  async close(): Promise<void> {
    this.#ended ??= "its store was closed";
    (await this.#connection?.catch(() => undefined))?.close();
  }

  #connect(): Promise<IDBDatabase> {
    if (this.#ended !== undefined) {
      const message = `Cannot use database ${JSON.stringify(this.name)}: ${this.#ended}`;
      return Promise.reject(new SlipwayError("FAILED_PRECONDITION", message));
    }
    if (this.#connection === undefined) {
      const connection = this.#open();
      this.#connection = connection;
      connection.catch(() => {
        if (this.#connection === connection) this.#connection = undefined;
      });
    }
    return this.#connection;
  }

  async #open(): Promise<IDBDatabase> {
    const database = await openAt(this.name, this.#schema, this.#options.patience ?? PATIENCE);
    database.onversionchange = ({ newVersion }) => this.#end(database, newVersion === null ? "deleted" : "upgrade");
    database.onclose = () => {
      if (this.#current === database) this.#connection = undefined;
    };
    this.#current = database;
    const identity: unknown = await promisifyRequest(database.transaction(MARKER).objectStore(MARKER).get(IDENTITY));
    this.#identity ??= identity;
    if (this.#identity !== identity) {
      this.#end(database, "replaced");
      return await this.#connect();
    }
    return database;
  }

  #end(database: IDBDatabase, reason: ClosedReason): void {
    database.close();
    this.#connection = undefined;
    if (this.#ended !== undefined) return;
    this.#ended = REASONS[reason];
    this.#options.onClosed?.(reason);
  }
}

/** Deletes a database of Slipway's; does nothing if there is none. */
export async function deleteDatabase(name: string, patience: number = PATIENCE): Promise<void> {
  const what = `delete database ${JSON.stringify(name)}`;
  const factory = indexedDBOf(what);
  const found = await openExisting(factory, name, what, patience);
  if (found === undefined) return;
  const own = isOwn(found);
  found.close();
  if (!own) throw foreign(name, what);
  const request = factory.deleteDatabase(name);
  await granted(request, what, patience, "it is deleted as soon as they are closed").catch(async (error: unknown) => {
    throw await storageError(error, what);
  });
}

async function openAt(name: string, schema: Schema, patience: number): Promise<IDBDatabase> {
  const what = `open database ${JSON.stringify(name)}`;
  const factory = indexedDBOf(what);
  const version = schema.steps.length;
  let refused: unknown;
  const request = factory.open(name, version);
  request.onupgradeneeded = ({ oldVersion }) => {
    const { result: database, transaction } = request;
    if (transaction === null) return;
    try {
      if (oldVersion > 0 && !isOwn(database)) throw foreign(name, what);
      for (const step of schema.steps.slice(oldVersion)) step(database, transaction);
      if (oldVersion === 0) transaction.objectStore(MARKER).put(randomName(), IDENTITY);
    } catch (error) {
      refused = error;
      transaction.abort();
    }
  };
  let database: IDBDatabase;
  try {
    database = await granted(request, what, patience, OPEN_ADVICE);
  } catch (error) {
    if (nameOf(error) === "VersionError") throw await newerVersion(factory, name, what, version, patience);
    throw await storageError(refused ?? error, what);
  }
  if (isOwn(database)) return database;
  database.close();
  throw foreign(name, what);
}

/**
 * What a request to open or delete gives. It waits for other pages to let go of the database, but not for ever: once it is told that
 * some do not give way, for `patience`, and where it is told nothing (it stands behind a request that waits itself) a while longer.
 */
function granted(request: IDBOpenDBRequest, what: string, patience: number, advice: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let late = false;
    const giveUp = (): void => {
      late = true;
      const reason = `other pages have it open and do not give way; ${advice}`;
      reject(new SlipwayError("UNAVAILABLE", `Cannot ${what}: ${reason}`));
    };
    let timer = setTimeout(giveUp, patience * 6);
    request.addEventListener("blocked", () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, patience);
    });
    request.addEventListener("upgradeneeded", () => clearTimeout(timer));
    request.addEventListener("success", () => {
      clearTimeout(timer);
      // Nobody waits for it any more; held open it would block others in turn. A deletion has no result.
      if (late) (request.result as IDBDatabase | undefined)?.close();
      else resolve(request.result);
    });
    request.addEventListener("error", () => {
      clearTimeout(timer);
      reject(request.error);
    });
  });
}

async function newerVersion(
  factory: IDBFactory,
  name: string,
  what: string,
  known: number,
  patience: number,
): Promise<SlipwayError> {
  const database = await openExisting(factory, name, what, patience);
  const own = database !== undefined && isOwn(database);
  const version = database?.version;
  database?.close();
  if (!own) return foreign(name, what);
  return new SlipwayError(
    "UNSUPPORTED",
    `Cannot ${what}: it has version ${version}, and this page's Slipway knows ${known}; reload the page to get a newer one`,
  );
}

/** The database in whatever version it has; undefined if there is none. */
async function openExisting(
  factory: IDBFactory,
  name: string,
  what: string,
  patience: number,
): Promise<IDBDatabase | undefined> {
  const request = factory.open(name);
  let absent = false;
  request.onupgradeneeded = () => {
    absent = true;
    request.transaction?.abort();
  };
  try {
    return await granted(request, what, patience, OPEN_ADVICE);
  } catch (error) {
    if (absent) return undefined;
    throw await storageError(error, what);
  }
}

const OPEN_ADVICE = "close them, then try again";

const isOwn = (database: IDBDatabase): boolean => database.objectStoreNames.contains(MARKER);

const foreign = (name: string, what: string): SlipwayError =>
  new SlipwayError(
    "FAILED_PRECONDITION",
    `Cannot ${what}: the database of that name was not made by Slipway; choose another name than ${JSON.stringify(name)}`,
  );

function indexedDBOf(what: string): IDBFactory {
  const { indexedDB } = globalThis as { readonly indexedDB?: IDBFactory };
  if (indexedDB) return indexedDB;
  throw new SlipwayError("UNSUPPORTED", `Cannot ${what}: there is no IndexedDB here`);
}
