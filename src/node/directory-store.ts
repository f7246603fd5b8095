import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createLeaseManager, type LeaseManager } from "../content/leases.ts";
import type { ContentStore } from "../content/store.ts";
import { isSlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { DirectoryContentStore } from "./directory/blobs.ts";
import { IndexFileImages } from "./directory/index-file.ts";
import { INDEX_LOCK, layoutPaths, openLayout, removeEmptyLayout, tidyLayout } from "./directory/layout.ts";
import { Locks } from "./directory/locks.ts";
import { FileRecords } from "./directory/records.ts";
import { nodeHasher } from "./hasher.ts";
import { hostError } from "./host-error.ts";

/** How {@link openDirectoryStore} opens. */
export interface DirectoryStoreOptions {
  /** Whether a directory that is absent or empty becomes a layout. Default true. */
  readonly create?: boolean | undefined;
  /** Default: {@link nodeHasher}. */
  readonly hasher?: HasherFactory | undefined;
  /** Whether what was committed survives a power failure (fsync), not only a killed process. Default true. */
  readonly durable?: boolean | undefined;
}

/** An OCI image layout directory as a store. */
export interface DirectoryStore {
  /** Absolute path. */
  readonly path: string;
  /** Blobs under `blobs/ALGORITHM/`, readable by anybody who reads OCI layouts. */
  readonly content: ContentStore;
  /** The names in `index.json`. */
  readonly images: ImageStore;
  /** Snapshots, and what layers were made; kept under `.slipway`. */
  readonly metadata: MetadataStore;
  /** Leases that other processes respect too. One that its process did not release ends after a day. */
  readonly leases: LeaseManager;
  /** What every entry of `index.json` points to, with a name or without: roots of a garbage collection. */
  roots(): Promise<readonly Descriptor[]>;
  /** Refs of ingests that nobody has written to for that many seconds: those of processes that are gone for good. */
  abandonedIngests(seconds: number): AsyncIterable<string>;
  /**
   * Removes records of the metadata store that nobody has written for that many seconds, for example those of uploads (`UPLOAD_RECORDS`)
   * that their registry has forgotten by now.
   * @param prefix what their keys begin with
   * @returns the keys
   */
  removeOldRecords(
    prefix: string,
    seconds: number,
    options?: {
      /** Only say what would be removed. */
      readonly dryRun?: boolean | undefined;
    },
  ): Promise<readonly string[]>;
  /** Whether nothing is in it: no blob, unfinished or not, no entry of `index.json`, no record, no lease that is in force. */
  isEmpty(): Promise<boolean>;
  /**
   * Closes the store, and removes the layout if nothing is in it; the directory itself stays. Another process that has it open can go on:
   * what it writes makes the layout anew.
   * @returns whether it is gone
   */
  removeIfEmpty(): Promise<boolean>;
  /**
   * Removes what is empty of Slipway's own, so that a finished layout has only what the spec names. Close writers first. Nothing is held
   * open: what uses the store afterwards works still, and calls for another `close`. `openTemporaryStore`'s is gone.
   */
  close(): Promise<void>;
}

/** Milliseconds for which a sweep of another process is waited for: it may have some hundred thousand blobs to remove. */
const SWEEP_PATIENCE = 600_000;

/** Locks under which a temporary file of the same name is written. */
const TEMPORARIES = ["blobs", INDEX_LOCK, "lease-records", "metadata"];

/**
 * Opens an OCI image layout directory (image-spec `image-layout.md`) as content, image and metadata store; several processes may
 * have it open at once. Beside what the spec names there is a directory `.slipway` with ingests, labels, metadata, leases and
 * locks, as long as there are any. A process that is killed at any moment leaves a valid layout.
 * @throws SlipwayError `NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_ARCHIVE` if the directory holds something else, `UNSUPPORTED` for a layout
 *   version that is not known, `PERMISSION_DENIED`, `NO_SPACE`, `IO`
 */
export async function openDirectoryStore(
  directory: string,
  options: DirectoryStoreOptions = {},
): Promise<DirectoryStore> {
  const { create = true, hasher = nodeHasher, durable = true } = options;
  const paths = layoutPaths(resolve(directory));
  const locks = new Locks(paths.locks);
  await openLayout(paths, { create, durable, locks });
  const content = new DirectoryContentStore({ paths, locks, hasher, durable });
  const images = new IndexFileImages({ paths, locks, durable });
  const { temporary } = paths;
  const metadata = new FileRecords({ directory: paths.metadata, temporary, locks, name: "metadata", durable });
  const leases = createLeaseManager(
    // A power failure ends the operation that a lease is for: what it knew need not survive.
    new FileRecords({ directory: paths.leases, temporary, locks, name: "lease-records", durable: false }),
    { exclusive: (work) => locks.exclusive("leases", work, SWEEP_PATIENCE), now: () => Date.now() / 1000 },
  );
  const isEmpty = async (): Promise<boolean> => {
    for await (const _ of content.list()) return false;
    for await (const _ of content.statuses()) return false;
    const [targets, keys, ids] = [await images.targets(), await metadata.keys(""), await leases.list()];
    return targets.length + keys.length + ids.length === 0;
  };
  const tidy = async (): Promise<void> => {
    await content.tidy();
    await tidyLayout(paths, TEMPORARIES, locks);
  };
  return {
    path: paths.root,
    content,
    images,
    metadata,
    leases,
    roots: () => images.targets(),
    removeOldRecords: (prefix, seconds, { dryRun = false } = {}) =>
      metadata.removeUntouched(prefix, Date.now() - seconds * 1000, { dryRun }),
    isEmpty,
    async removeIfEmpty() {
      // Nobody names an image, or opens the layout as a new one, between the look and the removal.
      const isGone = await locks.exclusive(INDEX_LOCK, async () =>
        (await isEmpty()) ? await removeEmptyLayout(paths, durable) : false,
      );
      await tidy();
      return isGone;
    },
    async *abandonedIngests(seconds) {
      yield* content.ingests.untouchedSince(Date.now() - seconds * 1000);
    },
    async close() {
      try {
        await tidy();
      } catch (error) {
        // A store that may only be read is as tidy as it can be.
        if (!isSlipwayError(error, "PERMISSION_DENIED")) throw error;
      }
    },
  };
}

/** How {@link openTemporaryStore} opens. */
export interface TemporaryStoreOptions extends Pick<DirectoryStoreOptions, "hasher"> {
  /** An existing directory in which the store's own is made. Default: the host's for temporary files. */
  readonly parent?: string | undefined;
}

/**
 * A store in a fresh directory among the host's temporary files, removed by `close`.
 * @throws SlipwayError `NO_SPACE`, `PERMISSION_DENIED`, `NOT_FOUND` if `parent` is not there, `IO`
 */
export async function openTemporaryStore(options: TemporaryStoreOptions = {}): Promise<DirectoryStore> {
  const parent = resolve(options.parent ?? temporaryFiles());
  const directory = await mkdtemp(join(parent, `slipway-${randomBytes(4).toString("hex")}-`)).catch(
    (error: unknown) => {
      throw hostError(error, `create a directory in ${parent}`);
    },
  );
  const { hasher } = options;
  const store = await openDirectoryStore(directory, { hasher, durable: false });
  return {
    ...store,
    async close() {
      await rm(directory, { recursive: true, force: true }).catch((error: unknown) => {
        throw hostError(error, `remove ${directory}`);
      });
    },
  };
}

/**
 * Where the host has its temporary files.
 * @throws SlipwayError `PERMISSION_DENIED` where Deno may not look at the environment for that
 */
export function temporaryFiles(): string {
  try {
    return tmpdir();
  } catch (error) {
    throw hostError(error, "find the directory for temporary files");
  }
}
