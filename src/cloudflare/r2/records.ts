import { SlipwayError } from "../../errors.ts";
import { randomName } from "../../random.ts";
import type { R2ObjectLike } from "./bucket.ts";
import { deleteObjects, forEach, isBusy, type R2Calls } from "./calls.ts";

/** A record as it was read. */
export interface StoredRecord {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What a change of just this record names it by. */
  readonly etag: string;
  /** When it was written, in milliseconds since the epoch, by R2's clock. */
  readonly uploaded: number;
  /** As it was written with. */
  readonly notes: R2Notes;
}

/** A record in a list. */
export interface ListedRecord {
  readonly key: string;
  readonly etag: string;
  readonly uploaded: number;
  readonly notes: R2Notes;
}

/** What stands beside a record, and is told by a list. */
export interface R2Notes {
  /** What the record says, if that is short. */
  readonly summary?: string;
  /** Of a blob that a collection is about to remove, see `R2Sweeps`. */
  readonly sweep?: string;
  /** Of such a blob: milliseconds since the epoch, after which the collection counts as given up. */
  readonly until?: string;
}

/**
 * Milliseconds for which the note of a record that is gone is kept from being replaced, so that the call that deletes its object
 * cannot hit a new one: R2 deletes without conditions.
 */
const BURYING = 60_000;

/** Nobody sends such a call this long (milliseconds) before that time ends. */
const MARGIN = 40_000;

/** Milliseconds for which a note that is just being deleted is waited for. */
const PATIENCE = 10_000;

/** Notes that one call of `tidy` deletes at most: each costs a call. */
const TIDIED = 200;

/** R2 and its simulators take at least this much beside an object. */
const SUMMARY_LIMIT = 1500;

/**
 * Small objects that are changed only by whom they are as expected: R2's conditional writes, made safe against answers that get
 * lost (each write notes who made it), against deletions (which R2 makes without conditions: a record that is removed is replaced by
 * a note that it is gone, which the next one of its key replaces), and against the rate at which R2 lets a key be written to.
 */
export class R2Records {
  readonly #calls: R2Calls;
  readonly #prefix: string;

  /** @param prefix what keys of objects begin with; ends in `/` */
  constructor(calls: R2Calls, prefix: string) {
    this.#calls = calls;
    this.#prefix = prefix;
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    return await this.#calls.run(`read ${this.#prefix}${key}`, async () => {
      const object = await this.#calls.bucket.get(this.#prefix + key);
      if (object === null) return undefined;
      const bytes = new Uint8Array(await object.arrayBuffer());
      if (bytes.byteLength !== object.size) throw new Error(`R2 gave ${bytes.byteLength} of ${object.size} bytes`);
      if (goneUntil(object) !== undefined) return undefined;
      return { bytes, etag: object.etag, uploaded: object.uploaded.getTime(), notes: object.customMetadata ?? {} };
    });
  }

  /**
   * @param notes the summary is left out if it is too long
   * @returns the new record's etag; undefined if there is one already
   * @throws SlipwayError `UNAVAILABLE` if the note of an earlier one is just being deleted, and is so for long
   */
  async create(key: string, bytes: Uint8Array, notes: R2Notes = {}, urgent = false): Promise<string | undefined> {
    for (let waited = 0, pause = 10; ; ) {
      const { etag, found } = await this.#put(key, bytes, undefined, fitting(notes), urgent);
      if (etag !== undefined) return etag;
      const until = found === null ? 0 : goneUntil(found);
      if (until === undefined) return undefined;
      if (found !== null && until <= this.#calls.now()) {
        const over = await this.#put(key, bytes, found.etag, fitting(notes), urgent);
        if (over.etag !== undefined) return over.etag;
      }
      if (waited > PATIENCE) {
        throw new SlipwayError(
          "UNAVAILABLE",
          `Cannot write ${this.#prefix}${key}: it is being removed; try again in a minute`,
        );
      }
      await this.#calls.pause(pause);
      waited += pause;
      pause = Math.min(pause * 2, 500);
    }
  }

  /** @returns the new record's etag; undefined if the record is another by now */
  async replace(key: string, etag: string, bytes: Uint8Array, notes: R2Notes = {}): Promise<string | undefined> {
    return (await this.#put(key, bytes, etag, fitting(notes))).etag;
  }

  /** @returns whether it was removed; not if it is another by now */
  async remove(key: string, etag: string): Promise<boolean> {
    return await this.#replaceByNote(key, etag, 0);
  }

  /** Records whose key begins so, in the order of their keys. */
  async *list(prefix = ""): AsyncGenerator<ListedRecord, void, undefined> {
    for await (const object of this.#objects(prefix)) {
      if (goneUntil(object) === undefined) yield this.#listed(object);
    }
  }

  /** Deletes the notes of records that were removed before that time (milliseconds since the epoch): not all at once, if they are many. */
  async tidy(before: number): Promise<void> {
    const notes: ListedRecord[] = [];
    for await (const object of this.#objects("")) {
      const until = goneUntil(object);
      if (until === undefined || until > this.#calls.now() || object.uploaded.getTime() >= before) continue;
      notes.push(this.#listed(object));
      if (notes.length === TIDIED) break;
    }
    await this.bury(notes);
  }

  /** Deletes these records, except for those that are others by now. */
  async bury(records: readonly Pick<ListedRecord, "key" | "etag">[]): Promise<void> {
    const until = this.#calls.now() + BURYING;
    const keys: string[] = [];
    await forEach(records, async ({ key, etag }) => {
      if (await this.#replaceByNote(key, etag, until)) keys.push(this.#prefix + key);
    });
    // Where that is not possible in time, they are notes that somebody else deletes.
    await deleteObjects(this.#calls, keys, { until: until - MARGIN }).catch(() => undefined);
  }

  async *#objects(prefix: string): AsyncGenerator<R2ObjectLike, void, undefined> {
    yield* listObjects(this.#calls, this.#prefix + prefix);
  }

  #listed({ key, etag, uploaded, customMetadata }: R2ObjectLike): ListedRecord {
    return { key: key.slice(this.#prefix.length), etag, uploaded: uploaded.getTime(), notes: customMetadata ?? {} };
  }

  async #replaceByNote(key: string, etag: string, until: number): Promise<boolean> {
    const note = new TextEncoder().encode(`gone ${randomName()}`);
    return (await this.#put(key, note, etag, { gone: String(until) })).etag !== undefined;
  }

  /**
   * One conditional write. Where its answer got lost, the next try finds its mark on what is there.
   * @returns the etag, or what is there instead
   */
  async #put(
    key: string,
    bytes: Uint8Array,
    expected: string | undefined,
    notes: R2Notes | { readonly gone: string },
    urgent = false,
  ): Promise<{ readonly etag?: string; readonly found: R2ObjectLike | null }> {
    const { bucket } = this.#calls;
    const name = this.#prefix + key;
    const by = randomName();
    const onlyIf = expected === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: expected };
    await this.#calls.mayWrite(name);
    const result = await this.#calls.run(
      `write ${name}`,
      async (failures) => {
        let busy: unknown;
        try {
          const written = await bucket.put(name, bytes, { onlyIf, customMetadata: { ...notes, by } });
          if (written !== null) return { etag: written.etag, found: null };
        } catch (error) {
          // Somebody else has written to this key a moment ago: what is there now may settle it.
          if (!isBusy(error)) throw error;
          busy = error;
        }
        const found = await bucket.head(name);
        if (found?.customMetadata?.by === by) return { etag: found.etag, found: null };
        if (found?.etag === expected) throw busy ?? new Error("R2 refused a write although its condition holds");
        if (failures > 0) {
          throw new SlipwayError(
            "UNAVAILABLE",
            `Cannot write ${name}: R2 did not say whether it was written, and it has been changed since; try again`,
          );
        }
        return { found };
      },
      { urgent },
    );
    if (result.etag !== undefined) this.#calls.wrote(name);
    return result;
  }
}

/** All objects whose key begins so. */
export async function* listObjects(calls: R2Calls, prefix: string): AsyncGenerator<R2ObjectLike, void, undefined> {
  for (let cursor: string | undefined; ; ) {
    const page = await calls.run(`list ${prefix}`, async () => {
      const answer = await calls.bucket.list({
        prefix,
        include: ["customMetadata"],
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (answer.truncated && (answer.cursor === undefined || answer.cursor === cursor)) {
        throw new Error("R2 gave a page without saying where the next one begins");
      }
      return answer;
    });
    yield* page.objects;
    if (!page.truncated) return;
    cursor = page.cursor;
  }
}

/** Until when what stands there must be left alone, if it is the note of a record that is gone. */
function goneUntil(object: R2ObjectLike): number | undefined {
  const until = object.customMetadata?.gone;
  return until === undefined ? undefined : Number(until);
}

function fitting({ summary, ...notes }: R2Notes): R2Notes {
  const fits = summary !== undefined && summary.length <= SUMMARY_LIMIT && /^[ -~]*$/.test(summary);
  return fits ? { summary, ...notes } : notes;
}
