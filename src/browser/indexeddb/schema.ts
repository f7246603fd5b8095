/** What a database holds, version by version. */
export interface Schema {
  /**
   * Each brings a database from the version before it to its own; the first makes it from nothing. They run within the upgrade's
   * transaction: whatever fails leaves the database as it was.
   */
  readonly steps: readonly SchemaStep[];
}

/** One step of a {@link Schema}. May only wait for requests of the transaction. */
export type SchemaStep = (database: IDBDatabase, transaction: IDBTransaction) => void;

/** The object store that tells Slipway's databases from others; it has the database's {@link IDENTITY} and locks. */
export const MARKER = "slipway";

/** The key in {@link MARKER} of a random string: a database that was deleted and made anew has another. */
export const IDENTITY = "identity";

/** Blobs, ingests and the parts of both. */
export const CONTENT = "content";
/** Images by name. */
export const IMAGES = "images";
/** The metadata store. */
export const METADATA = "metadata";
/** Leases. */
export const LEASES = "leases";

/**
 * Version 1. Keys of {@link CONTENT}:
 *
 * - `["blob", digest]`: a `BlobRecord`;
 * - `["ingest", ref]`: an `IngestRecord`;
 * - `["part", data id, offset]`: bytes, as a `Blob` or a `Uint8Array`. A data id belongs to one ingest or one blob, so that a
 *   commit hands the parts on without touching them.
 */
export const SCHEMA: Schema = {
  steps: [
    (database) => {
      for (const name of [MARKER, CONTENT, IMAGES, METADATA, LEASES]) database.createObjectStore(name);
    },
  ],
};
