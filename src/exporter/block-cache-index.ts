import { type Digest, isDigest } from "../oci/digest.ts";
import type { MetadataStore } from "../snapshots/metadata.ts";
import { type BlockRecord, packRecord, parseRecord, type RecordedBlock } from "./block-cache-record.ts";

/** A block in a layer. */
export interface BlockPlace extends RecordedBlock {
  /** The layer's blob. */
  readonly layer: Digest;
  /** Which one it is of its record. */
  readonly index: number;
}

/** A record that is in memory. */
interface LoadedRecord {
  readonly sequence: number;
  readonly places: readonly BlockPlace[];
}

/** What keys of records begin with; the layer's digest follows. */
export const BLOCKS = "blocks/";

/**
 * Which blocks lie where: the records under `blocks/`, one for each layer, named by its digest, and all of them in memory. Others
 * may add and remove records at any time; each is replaced as a whole, and none is needed by another.
 */
export class BlockIndex {
  readonly #metadata: MetadataStore;
  readonly #limit: number;
  readonly #records = new Map<Digest, LoadedRecord>();
  /** Places of each block; the one that was learnt of last is the last. */
  readonly #places = new Map<string, BlockPlace[]>();
  /** Keys of records that are not ours to use, or to remove. */
  readonly #foreign = new Set<string>();
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param limit number of blocks */
  constructor(metadata: MetadataStore, limit: number) {
    this.#metadata = metadata;
    this.#limit = limit;
  }

  /** Learns what was added and removed since the last time. */
  refresh(): Promise<void> {
    return this.#inOrder(async () => {
      const keys = new Set(await this.#metadata.keys(BLOCKS));
      for (const layer of this.#records.keys()) if (!keys.has(BLOCKS + layer)) this.#unload(layer);
      const found: (readonly [Digest, BlockRecord])[] = [];
      for (const key of keys) {
        const layer = key.slice(BLOCKS.length);
        if (this.#foreign.has(key) || (isDigest(layer) && this.#records.has(layer))) continue;
        const record = isDigest(layer) ? await this.#read(key) : "foreign";
        if (record === "foreign") this.#foreign.add(key);
        else if (record !== undefined) found.push([layer as Digest, record]);
      }
      found.sort(([, a], [, b]) => a.sequence - b.sequence);
      for (const [layer, record] of found) this.#load(layer, record);
      await this.#evict();
    });
  }

  /** Where a block lies, the likeliest place first. */
  find(key: string): readonly BlockPlace[] {
    return this.#places.get(key)?.toReversed() ?? [];
  }

  /** The same block under all of its keys. */
  sameAs(place: BlockPlace): readonly BlockPlace[] {
    const places = this.#records.get(place.layer)?.places ?? [];
    if (places[place.index] !== place) return [place];
    let [from, to] = [place.index, place.index + 1];
    while (places[from - 1]?.offset === place.offset) from--;
    while (places[to]?.offset === place.offset) to++;
    return places.slice(from, to);
  }

  /** Forgets a block whose data is not what it should be. */
  forget(place: BlockPlace): void {
    for (const same of this.sameAs(place)) this.#forget(same);
  }

  #forget(place: BlockPlace): void {
    const places = this.#places.get(place.key)?.filter((other) => other !== place) ?? [];
    if (places.length > 0) this.#places.set(place.key, places);
    else this.#places.delete(place.key);
  }

  /** Records the blocks of a layer, for others too, and makes room for it. */
  add(layer: Digest, blocks: readonly RecordedBlock[]): Promise<void> {
    return this.#inOrder(async () => {
      let sequence = 0;
      for (const record of this.#records.values()) sequence = Math.max(sequence, record.sequence + 1);
      const record = { sequence, blocks };
      await this.#metadata.set(BLOCKS + layer, await packRecord(record));
      this.#unload(layer);
      this.#load(layer, record);
      await this.#evict();
    });
  }

  /** Removes the record of a layer that is gone. */
  remove(layer: Digest): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#unload(layer)) return;
      await this.#metadata.delete(BLOCKS + layer);
    });
  }

  async #read(key: string): Promise<BlockRecord | "foreign" | undefined> {
    const bytes = await this.#metadata.get(key);
    if (bytes === undefined) return undefined;
    const record = await parseRecord(bytes);
    if (record !== "useless") return record;
    // Unless somebody has made it anew by now.
    await this.#metadata.compareAndSet(key, bytes, undefined);
    return undefined;
  }

  #load(layer: Digest, { sequence, blocks }: BlockRecord): void {
    const places = blocks.map((block, index) => ({ ...block, layer, index }));
    this.#records.set(layer, { sequence, places });
    this.#count += places.length;
    for (const place of places) {
      const others = this.#places.get(place.key);
      if (others === undefined) this.#places.set(place.key, [place]);
      else others.push(place);
    }
  }

  #unload(layer: Digest): boolean {
    const record = this.#records.get(layer);
    if (record === undefined) return false;
    this.#records.delete(layer);
    this.#count -= record.places.length;
    for (const place of record.places) this.#forget(place);
    return true;
  }

  async #evict(): Promise<void> {
    if (this.#count <= this.#limit) return;
    const oldestFirst = [...this.#records].sort(([, a], [, b]) => a.sequence - b.sequence);
    for (const [layer] of oldestFirst) {
      if (this.#count <= this.#limit) return;
      this.#unload(layer);
      await this.#metadata.delete(BLOCKS + layer);
    }
  }

  #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
