import type { ByteRange } from "../../bytes.ts";
import { mergeLabels } from "../../content/labels.ts";
import { resolveRange } from "../../content/range.ts";
import type { ContentInfo, ContentProvider } from "../../content/store.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import { type Digest, isDigest, parseDigest } from "../../oci/digest.ts";
import { type BlobRecord, decodeBlob, decodeSummary, encodeBlob, summaryOf } from "./blob-record.ts";
import { forEach, type R2Calls } from "./calls.ts";
import type { ListedRecord, R2Records } from "./records.ts";
import type { R2Data } from "./segments.ts";
import { type R2Sweeps, type SweepMark, stays, sweepMarkOf } from "./sweeps.ts";

/** A blob's record as it stands there. */
interface FoundBlob extends BlobRecord {
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
  /** Where a sweep is about to remove it, or has decided on it. */
  readonly mark: SweepMark | undefined;
}

/** What a sweep found of a blob. */
export type Marked = "marked" | "gone" | "marked by another";

/**
 * The catalogue: one record a blob, by its digest. A blob is there as soon as its record is; and as long, or until a sweep that has marked
 * the record decides that it goes. Who asks for it meanwhile waits.
 */
export class R2Blobs {
  readonly #calls: R2Calls;
  readonly #records: R2Records;
  readonly #data: R2Data;
  readonly #sweeps: R2Sweeps;

  constructor(calls: R2Calls, records: R2Records, data: R2Data, sweeps: R2Sweeps) {
    this.#calls = calls;
    this.#records = records;
    this.#data = data;
    this.#sweeps = sweeps;
  }

  async find(digest: Digest): Promise<FoundBlob | undefined> {
    const found = await this.#look(digest);
    return found !== undefined && (await this.#isThere(found)) ? found : undefined;
  }

  /** @throws SlipwayError `NOT_FOUND` */
  async get(digest: Digest): Promise<FoundBlob> {
    return (await this.find(digest)) ?? notFound(digest);
  }

  /** Whether the blob and all its bytes are there. */
  async has(digest: Digest): Promise<boolean> {
    const blob = await this.find(digest);
    return blob !== undefined && (await this.#data.has(blob.segments));
  }

  /** The bytes of a blob, or a part of them. @throws SlipwayError `NOT_FOUND` */
  open(digest: Digest, range?: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#open(digest, range, () => this.get(digest));
  }

  /**
   * Makes a blob, all at once.
   * @returns false if it is there already. A record whose bytes are gone counts for nothing and is replaced.
   */
  async create(blob: BlobRecord): Promise<boolean> {
    const { digest } = blob.info;
    for (;;) {
      const created = await this.#records.create(keyOf(digest), encodeBlob(blob), { summary: summaryOf(blob) });
      if (created !== undefined) return true;
      const there = await this.#look(digest);
      if (there === undefined) continue;
      if ((await this.#isThere(there)) && (await this.#data.has(there.segments))) {
        // Its own data are there: an earlier try of which R2 did not say whether it took effect did.
        return blob.segments.some(({ id }) => there.segments.some((segment) => segment.id === id));
      }
      if (await this.#replace(there.etag, blob)) return true;
    }
  }

  /** @throws SlipwayError `NOT_FOUND` */
  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    for (;;) {
      const { etag, info: known, segments, inline } = await this.get(digest);
      const info = { ...known, labels: mergeLabels(known.labels, labels) };
      const isSame = Object.entries(labels).every(([name, value]) => known.labels[name] === value);
      if (isSame || (await this.#replace(etag, { info, segments, inline }))) return info;
    }
  }

  /** @throws SlipwayError `NOT_FOUND` */
  async delete(digest: Digest): Promise<void> {
    for (;;) {
      const { etag, segments } = await this.get(digest);
      if (!(await this.#records.remove(keyOf(digest), etag))) continue;
      // The blob is gone by now; objects that cannot be deleted are left to `tidy`.
      await this.#data.delete(segments).catch(() => undefined);
      return;
    }
  }

  /** All blobs, those too on which a sweep has not decided yet; those of short labels without a call for each. */
  async *list(): AsyncGenerator<Omit<BlobRecord, "inline">, void, undefined> {
    let isLoaded = false;
    for await (const record of this.#records.list()) {
      const digest = digestOfKey(record.key);
      if (digest === undefined) continue;
      const mark = sweepMarkOf(record.notes);
      if (mark !== undefined && !isLoaded) await this.#sweeps.load();
      isLoaded ||= mark !== undefined;
      const verdict = mark && (await this.#sweeps.peek(mark.sweep));
      if (verdict !== undefined && !stays(verdict, digest)) continue;
      const { summary } = record.notes;
      const known = summary === undefined ? undefined : decodeSummary(digest, summary);
      const blob = known ?? (await this.#look(digest));
      if (blob !== undefined) yield blob;
    }
  }

  /**
   * Marks the record of a blob: from here on nobody is told that the blob is there, or that it is not.
   * @returns "marked by another" if another sweep has, and has not decided yet
   */
  async mark(digest: Digest, mark: SweepMark): Promise<{ readonly state: Marked; readonly blob?: BlobRecord }> {
    for (;;) {
      const found = await this.#look(digest);
      if (found === undefined) return { state: "gone" };
      if (found.mark !== undefined) {
        const verdict = await this.#sweeps.peek(found.mark.sweep);
        if (verdict === undefined) return { state: "marked by another" };
        if (!stays(verdict, digest)) return { state: "gone" };
      }
      const { info, segments, inline, etag, uploaded } = found;
      const blob = { info, segments, inline };
      // What was written just now R2 would not let be replaced.
      await this.#calls.spaced(uploaded);
      if (await this.#replace(etag, blob, mark)) return { state: "marked", blob };
    }
  }

  /** Waits until the sweep that has marked the blob has decided. */
  async settle(digest: Digest): Promise<void> {
    await this.find(digest);
  }

  /** The blobs that are there, and those on which no sweep has decided yet: what a collection reads documents in. */
  undecided({ hasher, verifier, remote }: ContentProvider): ContentProvider {
    const get = async (digest: Digest): Promise<FoundBlob> => {
      const found = await this.#look(digest);
      const verdict = found?.mark && (await this.#sweeps.peek(found.mark.sweep));
      if (found === undefined || (verdict !== undefined && !stays(verdict, digest))) return notFound(digest);
      return found;
    };
    return {
      ...(hasher === undefined ? {} : { hasher }),
      ...(verifier === undefined ? {} : { verifier }),
      ...(remote === undefined ? {} : { remote }),
      info: async (digest) => (await get(digest)).info,
      open: (digest, range) => this.#open(digest, range, () => get(digest)),
    };
  }

  /**
   * Deletes what stands for blobs that are gone since before that time (milliseconds since the epoch), takes marks off those that stay.
   * @returns the sweeps whose verdicts are still needed
   */
  async tidy(before: number): Promise<ReadonlySet<string>> {
    const needed = new Set<string>();
    const gone: ListedRecord[] = [];
    const marked: { readonly record: ListedRecord; readonly mark: SweepMark; readonly digest: Digest }[] = [];
    for await (const record of this.#records.list()) {
      const digest = digestOfKey(record.key);
      const mark = sweepMarkOf(record.notes);
      if (mark !== undefined && digest !== undefined) marked.push({ record, mark, digest });
    }
    if (marked.length > 0) await this.#sweeps.load();
    let rest = 200;
    await forEach(marked, async ({ record, mark, digest }) => {
      const isOver = record.uploaded < before && mark.until < this.#calls.now() && rest-- > 0;
      if (isOver) {
        if (!stays(await this.#sweeps.settle(mark), digest)) {
          gone.push(record);
          return;
        }
        const found = await this.#look(digest);
        if (found?.etag !== record.etag) return;
        const { info, segments, inline } = found;
        if (await this.#replace(found.etag, { info, segments, inline })) return;
      }
      needed.add(mark.sweep);
    });
    await this.#records.bury(gone);
    await this.#records.tidy(before);
    return needed;
  }

  async *#open(
    digest: Digest,
    range: ByteRange | undefined,
    get: () => Promise<FoundBlob>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { info, segments, inline } = await get();
    const { start, end } = resolveRange(info.size, range, `blob ${digest}`);
    if (inline !== undefined) {
      if (start < end) yield inline.slice(start, end);
      return;
    }
    try {
      yield* this.#data.read(segments, start, end);
    } catch (error) {
      // Deleted while it was read.
      if (isSlipwayError(error, "IO")) await get();
      throw error;
    }
  }

  async #look(digest: Digest): Promise<FoundBlob | undefined> {
    const record = await this.#records.read(keyOf(parseDigest(digest)));
    if (record === undefined) return undefined;
    const { bytes, etag, uploaded, notes } = record;
    return { ...decodeBlob(`blob ${digest}`, digest, bytes), etag, uploaded, mark: sweepMarkOf(notes) };
  }

  /** Waits for the verdict where a sweep has marked it. */
  async #isThere({ mark, info }: FoundBlob): Promise<boolean> {
    return mark === undefined || stays(await this.#sweeps.settle(mark), info.digest);
  }

  /** @returns false if the record is another by now */
  async #replace(etag: string, blob: BlobRecord, mark?: SweepMark): Promise<boolean> {
    const notes = mark === undefined ? {} : { sweep: mark.sweep, until: String(mark.until) };
    const key = keyOf(blob.info.digest);
    const replaced = await this.#records.replace(key, etag, encodeBlob(blob), { summary: summaryOf(blob), ...notes });
    return replaced !== undefined;
  }
}

function notFound(digest: Digest): never {
  throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: the bucket does not have it`);
}

const keyOf = (digest: Digest): string => digest.replace(":", "/");

function digestOfKey(key: string): Digest | undefined {
  const digest = key.replace("/", ":");
  return isDigest(digest) ? digest : undefined;
}
