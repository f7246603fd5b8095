import { SlipwayError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { MetadataStore } from "./metadata.ts";
import type { SnapshotInfo, SnapshotKind } from "./snapshotter.ts";

/** Where a snapshot's tree is stored: its own directories in packs of its own, the others in those of its parents. */
export interface StoredTree {
  readonly root: Digest;
  readonly nextInode: number;
  /** Its packs have the numbers from `first` up to, not including, `end`. */
  readonly first: number;
  readonly end: number;
}

/** What is stored of a snapshot under its key. */
export interface SnapshotRecord {
  readonly version: 1;
  readonly kind: SnapshotKind;
  /** Never used again for another snapshot. A committed one has that of the active one it was made of. */
  readonly id: number;
  readonly parent?: { readonly key: string; readonly id: number } | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: the tree of the parent, or the empty one. */
  readonly tree?: StoredTree | undefined;
  /** It counts as gone; what is left of it is being removed. */
  readonly removing?: true | undefined;
  /** Of an active one: the name under which it is being committed. See {@link SnapshotRecords.settle}. */
  readonly committing?: string | undefined;
  /** Of a committed one: the key of the active one that is still to say `committing`. */
  readonly pending?: string | undefined;
}

/** A record and its bytes, which compare-and-set needs. */
export interface FoundRecord {
  readonly key: string;
  readonly record: SnapshotRecord;
  readonly bytes: Uint8Array;
}

const PREFIX = "snapshots/";
const COUNTER = "snapshot-counter";

/** The snapshots' records in a metadata store. */
export class SnapshotRecords {
  readonly #metadata: MetadataStore;

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata;
  }

  /** A number that no snapshot had before. */
  async nextId(): Promise<number> {
    for (;;) {
      const bytes = await this.#metadata.get(COUNTER);
      const id = bytes === undefined ? 1 : Number(new TextDecoder().decode(bytes));
      if (!Number.isSafeInteger(id)) throw unreadable(COUNTER);
      if (await this.#metadata.compareAndSet(COUNTER, bytes, new TextEncoder().encode(String(id + 1)))) return id;
    }
  }

  /** The record as stored, of a snapshot that counts as gone too. */
  async read(key: string): Promise<FoundRecord | undefined> {
    const bytes = await this.#metadata.get(storeKey(key));
    return bytes === undefined ? undefined : { key, record: parseRecord(key, bytes), bytes };
  }

  /** The record of a snapshot that does not count as gone. */
  async find(key: string): Promise<FoundRecord | undefined> {
    for (;;) {
      const found = await this.read(key);
      if (found === undefined) return undefined;
      const state = await this.settle(found);
      if (state !== "changed") return state === "alive" ? found : undefined;
    }
  }

  /**
   * What a record stands for. A commit takes four steps, each of which changes one record: the committed one is made, `pending`;
   * the active one says `committing`; the committed one is `pending` no more; the active one goes. After the second step
   * anybody who comes by does the third, with which the snapshot is committed; up to the second it is active, and
   * whoever wants the name may have it. So it is always the one or the other, wherever a process ends.
   * @returns `changed` if the record had to be changed to say so, and is to be read again
   */
  async settle({ key, record, bytes }: FoundRecord): Promise<"alive" | "gone" | "changed"> {
    const { id, removing, committing, pending } = record;
    if (removing === true) return "gone";
    if (pending !== undefined) {
      const active = (await this.read(pending))?.record;
      if (active?.id !== id || active.committing !== key) return "gone";
      await this.replace({ key, record, bytes }, { ...record, pending: undefined });
      return "changed";
    }
    if (committing === undefined) return "alive";
    const committed = await this.read(committing);
    if (committed?.record.id !== id) {
      // Somebody else has taken the name: it is an active one as before.
      await this.replace({ key, record, bytes }, { ...record, committing: undefined });
      return "changed";
    }
    if (committed.record.pending === undefined) return "gone";
    await this.replace(committed, { ...committed.record, pending: undefined });
    return "changed";
  }

  /** @returns undefined if there is a record under the key */
  async create(key: string, record: SnapshotRecord): Promise<FoundRecord | undefined> {
    const bytes = serialise(record);
    return (await this.#metadata.compareAndSet(storeKey(key), undefined, bytes)) ? { key, record, bytes } : undefined;
  }

  /** @returns the record as it is now, or undefined if it is another than was found */
  async replace(found: FoundRecord, record: SnapshotRecord): Promise<FoundRecord | undefined> {
    const bytes = serialise(record);
    const done = await this.#metadata.compareAndSet(storeKey(found.key), found.bytes, bytes);
    return done ? { key: found.key, record, bytes } : undefined;
  }

  /** @returns false if the record is another than was found */
  async drop(found: FoundRecord): Promise<boolean> {
    return await this.#metadata.compareAndSet(storeKey(found.key), found.bytes, undefined);
  }

  /** All records, ordered by key, of snapshots that count as gone too. */
  async *list(): AsyncGenerator<FoundRecord, void, undefined> {
    const keys = (await this.#metadata.keys(PREFIX)).map((key) => decodeURIComponent(key.slice(PREFIX.length)));
    for (const key of keys.sort()) {
      const found = await this.read(key);
      if (found !== undefined) yield found;
    }
  }
}

/**
 * Checks what a caller wants to name a snapshot.
 * @throws SlipwayError `INVALID_ARGUMENT`
 */
export function checkKey(key: string): string {
  if (typeof key === "string" && key !== "" && encodeKey(key) !== undefined) return key;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot use ${JSON.stringify(key)} as the key of a snapshot: it must be a string of one or more whole characters`,
  );
}

/** What a caller is told of a snapshot. */
export function infoOf({ key, record }: FoundRecord): SnapshotInfo {
  const { kind, parent, labels } = record;
  return { key, kind, ...(parent === undefined ? {} : { parent: parent.key }), labels };
}

/** The labels with some of them set, or removed where undefined. */
export function changeLabels(
  old: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const changed = new Map(Object.entries(old));
  for (const [name, value] of Object.entries(labels)) {
    if (value === undefined) changed.delete(name);
    else if (typeof value === "string" && name !== "") changed.set(name, value);
    else
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot set the label ${JSON.stringify(name)}: it must be a string`);
  }
  return Object.fromEntries([...changed].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function serialise(record: SnapshotRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(record));
}

function parseRecord(key: string, bytes: Uint8Array): SnapshotRecord {
  try {
    const record: SnapshotRecord = JSON.parse(new TextDecoder().decode(bytes));
    if (record.version === 1) return record;
  } catch (error) {
    throw unreadable(key, error);
  }
  throw unreadable(key);
}

function unreadable(key: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "INVALID_DOCUMENT",
    `Cannot read the record of snapshot ${JSON.stringify(key)}: it is damaged, or of a version that is not known here`,
    { cause },
  );
}

function storeKey(key: string): string {
  return PREFIX + (encodeKey(checkKey(key)) ?? "");
}

/** Printable ASCII without slashes and dots, which mean something in the paths of a store that is a directory. */
function encodeKey(key: string): string | undefined {
  try {
    return encodeURIComponent(key).replaceAll(".", "%2E");
  } catch {
    return undefined;
  }
}
