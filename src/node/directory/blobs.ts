import { chmodSync, renameSync, unlinkSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { ReadRange } from "../../bytes.ts";
import {
  checkWriterOptions,
  createIngestWriter,
  type IngestStorage,
  resumeExpectations,
} from "../../content/ingest.ts";
import { mergeLabels } from "../../content/labels.ts";
import type { ContentInfo, ContentStore, ContentWriter, IngestStatus, WriterOptions } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import type { HasherFactory } from "../../hash/hasher.ts";
import { type Digest, isDigest, parseDigest } from "../../oci/digest.ts";
import { fileSourceOfSize } from "../file-source.ts";
import { FlushBehind } from "../flush-behind.ts";
import { hostError } from "../host-error.ts";
import { syncDirectory, writeFully } from "../write-file.ts";
import { entriesOf, makeDirectory, readIfThere, removeIfThere, replaceFile } from "./files.ts";
import { Ingests } from "./ingests.ts";
import { blobPath, type LayoutPaths, mustBeWithin, statOf } from "./layout.ts";
import type { HeldLock, Locks } from "./locks.ts";

/** What a {@link DirectoryContentStore} works with. */
export interface DirectoryContentOptions {
  readonly paths: LayoutPaths;
  readonly locks: Locks;
  readonly hasher: HasherFactory;
  /** Whether a committed blob survives a power failure. */
  readonly durable: boolean;
}

/**
 * Blobs of an OCI image layout directory.
 *
 * A commit writes the labels and then renames the blob into place; a deletion removes the blob and then its labels; both under one lock.
 * So who looks without it never sees a blob without its labels, and what a kill leaves between two steps are labels of no blob, which the
 * next commit replaces. That a blob is there already is only true for long under a lease that was asked to protect it before.
 */
export class DirectoryContentStore implements ContentStore {
  readonly hasher: HasherFactory;
  readonly ingests: Ingests;
  readonly #paths: LayoutPaths;
  readonly #locks: Locks;
  readonly #durable: boolean;

  constructor({ paths, locks, hasher, durable }: DirectoryContentOptions) {
    this.hasher = hasher;
    this.ingests = new Ingests(paths, locks);
    this.#paths = paths;
    this.#locks = locks;
    this.#durable = durable;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    const { size } = this.#blob(digest);
    return { digest, size, labels: await this.#labels(digest) };
  }

  async *list(): AsyncGenerator<ContentInfo, void, undefined> {
    for (const algorithm of ["sha256", "sha512"] as const) {
      for (const { name } of entriesOf(join(this.#paths.blobs, algorithm))) {
        const digest = `${algorithm}:${name}`;
        if (!isDigest(digest)) continue;
        try {
          yield await this.info(digest);
        } catch (error) {
          // Deleted since the directory was read.
          if (!(error instanceof SlipwayError) || error.code !== "NOT_FOUND") throw error;
        }
      }
    }
  }

  label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    return this.#exclusive(async () => {
      const info = await this.info(digest);
      const merged = mergeLabels(info.labels, labels);
      await this.#writeLabels(digest, merged);
      return { ...info, labels: merged };
    });
  }

  delete(digest: Digest): Promise<void> {
    return this.#exclusive(async () => {
      this.#blob(digest);
      const { directory, name } = blobPath(this.#paths, digest);
      try {
        unlinkSync(join(directory, name));
      } catch (error) {
        throw hostError(error, `delete blob ${digest}`);
      }
      await this.#writeLabels(digest, {});
    });
  }

  async *open(digest: Digest, range?: ReadRange): AsyncGenerator<Uint8Array, void, undefined> {
    const { path, size } = this.#blob(digest);
    yield* fileSourceOfSize(path, size, { followSymlinks: false }).open(range);
  }

  readWhole(digest: Digest, limit: number): Uint8Array | Promise<Uint8Array> | undefined {
    const { path, size } = this.#blob(digest);
    return size > limit ? undefined : fileSourceOfSize(path, size, { followSymlinks: false }).readWhole?.();
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    checkWriterOptions(options);
    options.signal?.throwIfAborted();
    const { ref } = options;
    if (options.digest !== undefined) this.#mustBeNew(parseDigest(options.digest), options.size);
    const lock = this.ingests.hold(ref);
    let file: FileHandle;
    let status: IngestStatus;
    try {
      const left = this.ingests.status(ref);
      const { size, digest } = resumeExpectations(left ?? {}, options);
      status = {
        ref,
        offset: left?.offset ?? 0,
        ...(size === undefined ? {} : { total: size }),
        ...(digest === undefined ? {} : { expected: digest }),
      };
      file = await this.ingests.open(status);
    } catch (error) {
      lock.release();
      throw error;
    }
    return await createIngestWriter({
      ref,
      storage: this.#storage(ref, file, lock),
      hasher: this.hasher,
      offset: status.offset,
      size: status.total,
      digest: status.expected,
      signal: options.signal,
    });
  }

  async status(ref: string): Promise<IngestStatus> {
    const status = this.ingests.status(ref);
    if (status === undefined) throw noIngest(ref);
    return status;
  }

  async *statuses(): AsyncGenerator<IngestStatus, void, undefined> {
    yield* this.ingests.statuses();
  }

  async abort(ref: string): Promise<void> {
    if (this.ingests.status(ref) === undefined) throw noIngest(ref);
    const lock = this.ingests.hold(ref);
    try {
      if (this.ingests.status(ref) === undefined) throw noIngest(ref);
      this.ingests.remove(ref);
    } finally {
      lock.release();
    }
  }

  /** Removes what killed processes left: what was known of ingests that are gone, and labels of blobs that never came to be. */
  async tidy(): Promise<void> {
    this.ingests.tidy();
    for (const algorithm of ["sha256", "sha512"] as const) {
      for (const { name } of entriesOf(join(this.#paths.labels, algorithm))) {
        if (statOf(join(this.#paths.blobs, algorithm, name)) !== undefined) continue;
        await this.#exclusive(async () => {
          if (statOf(join(this.#paths.blobs, algorithm, name)) !== undefined) return;
          await removeIfThere(join(this.#paths.labels, algorithm, name));
        });
      }
    }
  }

  #storage(ref: string, file: FileHandle, lock: HeldLock): IngestStorage {
    const { data } = this.ingests.files(ref);
    const attempt = async <T>(call: () => Promise<T>): Promise<T> => {
      try {
        return await call();
      } catch (error) {
        throw hostError(error, `write ${data}`);
      }
    };
    const flush = this.#durable ? new FlushBehind(file) : undefined;
    let closed = false;
    const close = async (): Promise<void> => {
      if (closed) return;
      closed = true;
      await flush?.settle();
      await file.close();
    };
    return {
      append: async (bytes, offset) => {
        await attempt(() => writeFully(file, bytes, offset));
        flush?.wrote(bytes.byteLength);
      },
      truncate: (size) => attempt(() => file.truncate(size)),
      read: (size) => this.ingests.read(ref, size),
      publish: async (blob) => {
        if (flush !== undefined) await attempt(() => flush.finish());
        await this.#publish(ref, data, blob);
      },
      release: async () => {
        await close().finally(() => lock.release());
      },
    };
  }

  async #publish(ref: string, data: string, { digest, size, labels }: ContentInfo): Promise<void> {
    const { directory, name } = blobPath(this.#paths, digest);
    try {
      await this.#exclusive(async () => {
        this.#mustBeNew(digest, size);
        // Before the blob can be seen; labels of a blob that was there once go, too.
        await this.#writeLabels(digest, labels);
        try {
          const path = join(directory, name);
          makeDirectory(directory, () => renameSync(data, path));
          chmodSync(path, 0o444);
        } catch (error) {
          throw hostError(error, `commit blob ${digest}`);
        }
      });
    } catch (error) {
      if (error instanceof SlipwayError && error.code === "ALREADY_EXISTS") this.ingests.remove(ref);
      throw error;
    }
    if (this.#durable) await syncDirectory(directory);
    this.ingests.remove(ref);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#locks.exclusive("blobs", work);
  }

  /**
   * The file of a blob. A symlink is followed within the layout only.
   * @throws SlipwayError `NOT_FOUND`, `INVALID_ARCHIVE`
   */
  #blob(digest: Digest): { readonly path: string; readonly size: number } {
    const { directory, name } = blobPath(this.#paths, digest);
    let path = join(directory, name);
    let stats = statOf(path);
    if (stats?.isSymbolicLink()) {
      path = mustBeWithin(this.#paths.root, path);
      stats = statOf(path);
    }
    if (stats?.isFile()) return { path, size: stats.size };
    if (stats === undefined) {
      throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: ${this.#paths.root} does not have it`);
    }
    throw new SlipwayError("INVALID_ARCHIVE", `Cannot read blob ${digest}: ${path} is not a regular file`);
  }

  /** A file of another size is not the blob, whatever its name: it is written anew. */
  #mustBeNew(digest: Digest, size: number | undefined): void {
    const { directory, name } = blobPath(this.#paths, digest);
    if (statOf(join(directory, name)) === undefined) return;
    const found = this.#blob(digest);
    if (size !== undefined && found.size !== size) return;
    throw new SlipwayError("ALREADY_EXISTS", `Cannot write blob ${digest}: ${this.#paths.root} has it already`);
  }

  async #labels(digest: Digest): Promise<Readonly<Record<string, string>>> {
    const { directory, name } = this.#labelsPath(digest);
    const bytes = await readIfThere(join(directory, name));
    if (bytes === undefined) return {};
    try {
      const labels: unknown = JSON.parse(new TextDecoder().decode(bytes));
      if (typeof labels !== "object" || labels === null) return {};
      return Object.fromEntries(Object.entries(labels).filter(([, value]) => typeof value === "string"));
    } catch (error) {
      throw new SlipwayError("INVALID_DOCUMENT", `Cannot read ${join(directory, name)}: it is not JSON; remove it`, {
        cause: error,
      });
    }
  }

  async #writeLabels(digest: Digest, labels: Readonly<Record<string, string>>): Promise<void> {
    const path = this.#labelsPath(digest);
    if (Object.keys(labels).length === 0) {
      await removeIfThere(join(path.directory, path.name));
      return;
    }
    const bytes = new TextEncoder().encode(JSON.stringify(labels));
    await replaceFile(path, { directory: this.#paths.temporary, name: "blobs" }, bytes, this.#durable);
  }

  #labelsPath(digest: Digest): { readonly directory: string; readonly name: string } {
    return blobPath({ ...this.#paths, blobs: this.#paths.labels }, digest);
  }
}

const noIngest = (ref: string): SlipwayError =>
  new SlipwayError("NOT_FOUND", `Cannot find ingest ${ref}: there is none of that name`);
