import { bytesEqual } from "../../bytes.ts";
import type { Digest } from "../../oci/digest.ts";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { isPlainPath } from "./upload-location.ts";

/** What is remembered of an unfinished upload. It is a hint: the registry says what it has, and checks the digest. */
export interface UploadRecord {
  /** Path and query at the registry's own origin. */
  readonly path: string;
  /** Bytes that the registry confirmed. */
  readonly offset: number;
  /** Bytes that every chunk but the last must have. */
  readonly minimumChunk: number;
}

/** Remembers one blob's upload beyond the end of the program. */
export interface UploadMemory {
  /** The upload that an earlier run left, or that another one is at. */
  load(): Promise<UploadRecord | undefined>;
  /**
   * Creates or replaces the record.
   * @returns `taken` when another run has taken it over, to go on with the same upload; after that, and if another run's was there
   *   from the beginning, `none`: it is that one's, and is let be
   */
  save(record: UploadRecord): Promise<"saved" | "taken" | "none">;
  /** Removes the record, unless it is another run's. */
  forget(): Promise<void>;
}

/** What keys of the records of unfinished uploads begin with, in the metadata store that a registry client is given. */
export const UPLOAD_RECORDS = "registry/uploads/";

/** What an upload is remembered under. */
export const uploadKey = (repository: string, digest: Digest): string => `${UPLOAD_RECORDS}${repository}/${digest}`;

/**
 * The memory of one upload.
 * @param repository with its registry: `docker.io/library/alpine`
 */
export function uploadMemory(
  metadata: MetadataStore,
  repository: string,
  { digest, size }: { readonly digest: Digest; readonly size: number },
): UploadMemory {
  const key = uploadKey(repository, digest);
  const identity = { repository, digest, size };
  let last: Uint8Array | undefined;
  let runs = 0;
  let own = false;
  let others = false;
  return {
    async load() {
      last = await metadata.get(key);
      const read = last && readRecord(last, identity);
      runs = read?.runs ?? 0;
      return read;
    },
    async save({ path, offset, minimumChunk }) {
      if (others) return "none";
      // With the number of runs two that go on with the same upload write different records: only the first succeeds.
      const value = encode({ ...identity, path, offset, minimumChunk, runs: runs + 1 });
      if (last !== undefined && bytesEqual(last, value)) return "saved";
      if (await metadata.compareAndSet(key, last, value)) {
        last = value;
        own = true;
        return "saved";
      }
      others = true;
      return own ? "taken" : "none";
    },
    async forget() {
      if (others || last === undefined) return;
      await metadata.compareAndSet(key, last, undefined);
      last = undefined;
    },
  };
}

/** For who has no store. */
export const NO_MEMORY: UploadMemory = {
  load: async () => undefined,
  save: async () => "none",
  forget: async () => undefined,
};

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Whatever is not the record of this very blob and repository is none. */
function readRecord(
  bytes: Uint8Array,
  { repository, digest, size }: { readonly repository: string; readonly digest: Digest; readonly size: number },
): (UploadRecord & { readonly runs: number }) | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const record: Readonly<Record<string, unknown>> = { ...value };
  if (record.repository !== repository || record.digest !== digest || record.size !== size) return undefined;
  const { path, offset, minimumChunk, runs } = record;
  if (typeof path !== "string" || !isPlainPath(path)) return undefined;
  if (!isCount(offset) || !isCount(minimumChunk) || !isCount(runs) || offset > size) return undefined;
  return { path, offset, minimumChunk, runs };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
