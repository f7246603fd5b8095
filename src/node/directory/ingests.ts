import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { chunksOf } from "../../bytes.ts";
import type { IngestStatus } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { fileSourceOfSize } from "../file-source.ts";
import { hostError } from "../host-error.ts";
import { entriesOf, makeDirectoryFor, removeIfEmpty } from "./files.ts";
import { type LayoutPaths, statOf } from "./layout.ts";
import type { HeldLock, Locks } from "./locks.ts";

/** One ingest's directory: `data` are the bytes, `state.json` what is known of them. It exists as long as `data` does. */
export interface IngestFiles {
  readonly directory: string;
  readonly data: string;
  readonly state: string;
}

/** Ingests under `.slipway/ingests`, one directory each, named by the hash of the ref. */
export class Ingests {
  readonly #paths: LayoutPaths;
  readonly #locks: Locks;

  constructor(paths: LayoutPaths, locks: Locks) {
    this.#paths = paths;
    this.#locks = locks;
  }

  files(ref: string): IngestFiles {
    return this.#filesIn(nameOf(ref));
  }

  /** @throws SlipwayError `UNAVAILABLE` if another writer holds the ref */
  hold(ref: string): HeldLock {
    const lock = this.#locks.tryAcquire(`ingest-${nameOf(ref)}`);
    if (lock !== undefined) return lock;
    throw new SlipwayError("UNAVAILABLE", `Cannot use ingest ${ref}: another writer holds it`);
  }

  /** What is there of an ingest; undefined if nothing that could be gone on with. */
  status(ref: string): IngestStatus | undefined {
    const status = this.#read(this.files(ref));
    return status?.ref === ref ? status : undefined;
  }

  *statuses(): Generator<IngestStatus, void, undefined> {
    for (const entry of entriesOf(this.#paths.ingests)) {
      const status = this.#read(this.#filesIn(entry.name));
      if (status !== undefined && nameOf(status.ref) === entry.name) yield status;
    }
  }

  /** Refs that nobody has written to since that time (milliseconds since the epoch). */
  *untouchedSince(time: number): Generator<string, void, undefined> {
    for (const { ref } of this.statuses()) {
      const stats = statOf(this.files(ref).data);
      if (stats !== undefined && stats.mtimeMs < time) yield ref;
    }
  }

  /** Opens the data file for writing, made anew or with what is there. The caller holds the ref. */
  async open(status: IngestStatus): Promise<FileHandle> {
    const { directory, data, state } = this.files(status.ref);
    try {
      const { ref, total, expected } = status;
      await makeDirectoryFor(directory, async () => writeFileSync(state, JSON.stringify({ ref, total, expected })));
      return await open(data, status.offset === 0 ? "w+" : "r+", 0o644);
    } catch (error) {
      throw hostError(error, `write ${data}`);
    }
  }

  async *read(ref: string, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { data } = this.files(ref);
    const actual = statOf(data)?.size ?? 0;
    yield* chunksOf(fileSourceOfSize(data, actual, { followSymlinks: false }).open({ length: size }));
  }

  /** Removes all of an ingest; the data first, with which it ends. The caller holds the ref. */
  async remove(ref: string): Promise<void> {
    const { directory, data } = this.files(ref);
    try {
      rmSync(data, { force: true });
      rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      throw hostError(error, `remove ${directory}`);
    }
    await removeIfEmpty(this.#paths.ingests);
  }

  /** Removes directories that hold no ingest: a process was killed between making or ending one and tidying up. */
  tidy(): void {
    for (const { name } of entriesOf(this.#paths.ingests)) {
      const { directory, data } = this.#filesIn(name);
      if (!/^[0-9a-f]{64}$/.test(name) || statOf(data) !== undefined) continue;
      const lock = this.#locks.tryAcquire(`ingest-${name}`);
      if (lock === undefined) continue;
      try {
        if (statOf(data) === undefined) rmSync(directory, { recursive: true, force: true });
      } finally {
        lock.release();
      }
    }
  }

  #filesIn(name: string): IngestFiles {
    const directory = join(this.#paths.ingests, name);
    return { directory, data: join(directory, "data"), state: join(directory, "state.json") };
  }

  #read(files: IngestFiles): IngestStatus | undefined {
    const stats = statOf(files.data);
    if (!stats?.isFile()) return undefined;
    try {
      const { ref, total, expected } = JSON.parse(readFileSync(files.state, "utf8")) as Record<string, unknown>;
      if (typeof ref !== "string") return undefined;
      return {
        ref,
        offset: stats.size,
        ...(typeof total === "number" ? { total } : {}),
        ...(isDigest(expected) ? { expected: expected as Digest } : {}),
      };
    } catch {
      return undefined;
    }
  }
}

const nameOf = (ref: string): string => createHash("sha256").update(ref, "utf8").digest("hex");
