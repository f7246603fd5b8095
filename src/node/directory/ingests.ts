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
import { entriesOf, makeDirectory } from "./files.ts";
import { type LayoutPaths, statOf } from "./layout.ts";
import type { HeldLock, Locks } from "./locks.ts";

/** One ingest's files: the bytes, and what is known of them. It exists as long as the first does. */
export interface IngestFiles {
  readonly data: string;
  readonly state: string;
}

const DATA = ".data";
const STATE = ".json";

/** Ingests under `.slipway/ingests`, two files each, named by the hash of the ref. */
export class Ingests {
  readonly #paths: LayoutPaths;
  readonly #locks: Locks;

  constructor(paths: LayoutPaths, locks: Locks) {
    this.#paths = paths;
    this.#locks = locks;
  }

  files(ref: string): IngestFiles {
    return this.#filesOf(nameOf(ref));
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
    for (const { name } of entriesOf(this.#paths.ingests)) {
      if (!name.endsWith(DATA)) continue;
      const hash = name.slice(0, -DATA.length);
      const status = this.#read(this.#filesOf(hash));
      if (status !== undefined && nameOf(status.ref) === hash) yield status;
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
    const { data, state } = this.files(status.ref);
    try {
      const { ref, total, expected } = status;
      makeDirectory(this.#paths.ingests, () => writeFileSync(state, JSON.stringify({ ref, total, expected })));
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
  remove(ref: string): void {
    this.#remove(this.files(ref));
  }

  /** Removes what a process left that was killed while it made or ended an ingest: nobody could go on with it. */
  tidy(): void {
    for (const entry of entriesOf(this.#paths.ingests)) {
      const hash = entry.name.slice(0, 64);
      if (!entry.isFile() || !/^[0-9a-f]{64}\.(?:data|json)$/.test(entry.name) || this.#isWhole(hash)) continue;
      const lock = this.#locks.tryAcquire(`ingest-${hash}`);
      if (lock === undefined) continue;
      try {
        if (!this.#isWhole(hash)) this.#remove(this.#filesOf(hash));
      } finally {
        lock.release();
      }
    }
  }

  #isWhole(hash: string): boolean {
    const ref = this.#read(this.#filesOf(hash))?.ref;
    return ref !== undefined && nameOf(ref) === hash;
  }

  #remove({ data, state }: IngestFiles): void {
    try {
      rmSync(data, { force: true });
      rmSync(state, { force: true });
    } catch (error) {
      throw hostError(error, `remove ${data}`);
    }
  }

  #filesOf(hash: string): IngestFiles {
    return { data: join(this.#paths.ingests, hash + DATA), state: join(this.#paths.ingests, hash + STATE) };
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
