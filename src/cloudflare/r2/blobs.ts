import { mergeLabels } from "../../content/labels.ts";
import type { ContentInfo } from "../../content/store.ts";
import { SlipwayError } from "../../errors.ts";
import { type Digest, isDigest, parseDigest } from "../../oci/digest.ts";
import { type BlobRecord, decodeBlob, decodeSummary, encodeBlob, summaryOf } from "./blob-record.ts";
import type { R2Records } from "./records.ts";
import type { R2Data } from "./segments.ts";

/** The catalogue: one record a blob, by its digest. A blob is there as soon as its record is. */
export class R2Blobs {
  readonly #records: R2Records;
  readonly #data: R2Data;

  constructor(records: R2Records, data: R2Data) {
    this.#records = records;
    this.#data = data;
  }

  async find(digest: Digest): Promise<(BlobRecord & { readonly etag: string }) | undefined> {
    const key = keyOf(parseDigest(digest));
    const record = await this.#records.read(key);
    if (record === undefined) return undefined;
    return { ...decodeBlob(`blob ${digest}`, digest, record.bytes), etag: record.etag };
  }

  /** @throws SlipwayError `NOT_FOUND` */
  async get(digest: Digest): Promise<BlobRecord & { readonly etag: string }> {
    const blob = await this.find(digest);
    if (blob !== undefined) return blob;
    throw new SlipwayError("NOT_FOUND", `Cannot find blob ${digest}: the bucket does not have it`);
  }

  /** Whether the blob and all its bytes are there. */
  async has(digest: Digest): Promise<boolean> {
    const blob = await this.find(digest);
    return blob !== undefined && (await this.#data.has(blob.segments));
  }

  /**
   * Makes a blob, all at once.
   * @returns false if it is there already. A record whose bytes are gone counts for nothing and is replaced.
   */
  async create(blob: BlobRecord): Promise<boolean> {
    const { digest } = blob.info;
    for (;;) {
      const created = await this.#records.create(keyOf(digest), encodeBlob(blob), summaryOf(blob));
      if (created !== undefined) return true;
      const there = await this.find(digest);
      if (there === undefined) continue;
      if (await this.#data.has(there.segments)) return false;
      if ((await this.#replace(there.etag, blob)) !== undefined) return true;
    }
  }

  /** @throws SlipwayError `NOT_FOUND` */
  async label(digest: Digest, labels: Readonly<Record<string, string | undefined>>): Promise<ContentInfo> {
    for (;;) {
      const { etag, ...blob } = await this.get(digest);
      const info = { ...blob.info, labels: mergeLabels(blob.info.labels, labels) };
      if ((await this.#replace(etag, { ...blob, info })) !== undefined) return info;
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

  /** All blobs; those of short labels without a call for each. */
  async *list(): AsyncGenerator<Omit<BlobRecord, "inline">, void, undefined> {
    for await (const { key, summary } of this.#records.list()) {
      const digest = digestOfKey(key);
      if (digest === undefined) continue;
      const known = summary === undefined ? undefined : decodeSummary(digest, summary);
      const blob = known ?? (await this.find(digest));
      if (blob !== undefined) yield blob;
    }
  }

  tidy(): Promise<void> {
    return this.#records.tidy();
  }

  #replace(etag: string, blob: BlobRecord): Promise<string | undefined> {
    return this.#records.replace(keyOf(blob.info.digest), etag, encodeBlob(blob), summaryOf(blob));
  }
}

const keyOf = (digest: Digest): string => digest.replace(":", "/");

function digestOfKey(key: string): Digest | undefined {
  const digest = key.replace("/", ":");
  return isDigest(digest) ? digest : undefined;
}
