import { digestOf } from "../../hash/index.ts";
import { digestHex } from "../../oci/digest.ts";
import { nameOf, storageError } from "../host-error.ts";

/** The part of `FileSystemSyncAccessHandle` that is used; only dedicated workers have it. Nobody else can open the file meanwhile. */
export interface SyncFile {
  /** @returns bytes that were written, which may be fewer */
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  /** Brings what was written to the disk. */
  flush(): void;
  close(): void;
}

/** The folder of the origin's private file system in which there is one for each database. */
const HOME = "slipway";

/**
 * Files of the origin private file system, each with the bytes of one data id of a database. The database alone says which of them
 * mean anything, and up to what size.
 */
export class DataFiles {
  readonly #name: string;
  readonly #database: string;

  /** @param database its name */
  constructor(database: string) {
    this.#database = database;
    // Any string may name a database, but not a folder.
    this.#name = digestHex(digestOf(new TextEncoder().encode(database)));
  }

  /** Whether files can be written here: in a dedicated worker, where the browser gives it a file system. */
  async canWrite(): Promise<boolean> {
    const { FileSystemFileHandle: handle } = globalThis as {
      readonly FileSystemFileHandle?: { readonly prototype: object };
    };
    if (handle === undefined || !("createSyncAccessHandle" in handle.prototype)) return false;
    // Private windows may have the interface and refuse its use.
    return (await this.#root().catch(() => undefined)) !== undefined;
  }

  /** Opens a file for writing, made if need be. The caller closes it. @throws SlipwayError `UNAVAILABLE` if it is open */
  async open(id: string): Promise<SyncFile> {
    try {
      const file = await (await this.#directory(true))?.getFileHandle(id, { create: true });
      return await (file as unknown as SyncFileHandle).createSyncAccessHandle();
    } catch (error) {
      throw await storageError(error, `open a file of database ${JSON.stringify(this.#database)}`);
    }
  }

  /** A file for reading, from any page or worker. @throws DOMException */
  async read(id: string): Promise<File> {
    const directory = await this.#directory(false);
    if (directory === undefined) throw new DOMException(`There is no file ${id}`, "NotFoundError");
    return await (await directory.getFileHandle(id)).getFile();
  }

  /** Removes a file, if it is there. One that is still open stays until the next {@link DataFiles.sweep}. */
  async remove(id: string): Promise<void> {
    await (await this.#directory(false))?.removeEntry(id).catch(() => undefined);
  }

  /** Data ids of all files. */
  async list(): Promise<readonly string[]> {
    const ids: string[] = [];
    const directory = await this.#directory(false);
    if (directory !== undefined) for await (const id of directory.keys()) ids.push(id);
    return ids;
  }

  /**
   * Removes the files that belong to nothing any more.
   * @param known data ids of the database. It is asked when the files are listed: it knows each id before there is a file of it, and
   *   none again that it has forgotten.
   */
  async sweep(known: () => Promise<ReadonlySet<string>>): Promise<void> {
    const files = await this.list();
    if (files.length === 0) return;
    const ids = await known();
    for (const id of files) if (!ids.has(id)) await this.remove(id);
  }

  async #root(): Promise<FileSystemDirectoryHandle | undefined> {
    const { storage } = navigator as { readonly storage?: StorageManager };
    return await storage?.getDirectory?.();
  }

  async #directory(create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    if (create) {
      const home = await (await this.#root())?.getDirectoryHandle(HOME, { create });
      return await home?.getDirectoryHandle(this.#name, { create });
    }
    const root = await this.#root().catch(() => undefined);
    const home = await root?.getDirectoryHandle(HOME).catch(orAbsent);
    return await home?.getDirectoryHandle(this.#name).catch(orAbsent);
  }
}

/** What TypeScript's library has for workers only. */
interface SyncFileHandle {
  createSyncAccessHandle(): Promise<SyncFile>;
}

function orAbsent(error: unknown): undefined {
  if (nameOf(error) !== "NotFoundError") throw error;
}
