import { SlipwayError } from "../../errors.ts";
import { randomName } from "../../random.ts";
import type { R2ObjectLike } from "./bucket.ts";
import type { R2Calls } from "./calls.ts";

/** A record as it was read. */
export interface StoredRecord {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What a change of just this record names it by. */
  readonly etag: string;
}

/** A record in a list. */
export interface ListedRecord {
  readonly key: string;
  readonly etag: string;
  /** As it was written with, if it was. */
  readonly summary: string | undefined;
}

/**
 * Milliseconds for which a record that was removed is kept from being written again, so that the call that deletes its object
 * cannot hit a new one: R2 deletes without conditions.
 */
const GONE_FOR = 60_000;

/** Nobody sends such a call this long (milliseconds) before that time ends. */
const MARGIN = 40_000;

/** Milliseconds for which a record that is just being deleted is waited for. */
const PATIENCE = 10_000;

/** R2 and its simulators take at least this much beside an object. */
const SUMMARY_LIMIT = 1500;

/**
 * Small objects that are changed only by whom they are as expected: R2's conditional writes, made safe against answers that get
 * lost (each write notes who made it) and against deletions (which R2 makes without conditions: a record is first replaced by
 * a note that it is gone, and only then deleted).
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
      return goneUntil(object) === undefined ? { bytes, etag: object.etag } : undefined;
    });
  }

  /**
   * @param summary told by `list`, if it is not too long
   * @returns the new record's etag; undefined if there is one already
   * @throws SlipwayError `UNAVAILABLE` if one is just being removed, and is so for long
   */
  async create(key: string, bytes: Uint8Array, summary?: string): Promise<string | undefined> {
    for (let waited = 0, pause = 10; ; ) {
      const { etag, found } = await this.#put(key, bytes, undefined, noteOf(summary));
      if (etag !== undefined) return etag;
      const until = found === null ? 0 : goneUntil(found);
      if (until === undefined) return undefined;
      if (found !== null && until <= this.#calls.now()) {
        const over = await this.#put(key, bytes, found.etag, noteOf(summary));
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
  async replace(key: string, etag: string, bytes: Uint8Array, summary?: string): Promise<string | undefined> {
    return (await this.#put(key, bytes, etag, noteOf(summary))).etag;
  }

  /** @returns whether it was removed; not if it is another by now */
  async remove(key: string, etag: string): Promise<boolean> {
    const until = this.#calls.now() + GONE_FOR;
    const note = new TextEncoder().encode(`gone ${randomName()}`);
    const { etag: gone } = await this.#put(key, note, etag, { gone: String(until) });
    if (gone === undefined) return false;
    await this.erase(key, until);
    return true;
  }

  /**
   * Deletes an object that nobody else writes before `until`. That it could not be deleted is no error: what stands there counts
   * as gone already.
   */
  async erase(key: string, until: number): Promise<void> {
    await this.#calls
      .run(`delete ${this.#prefix}${key}`, async () => {
        if (this.#calls.now() <= until - MARGIN) await this.#calls.bucket.delete(this.#prefix + key);
      })
      .catch(() => undefined);
  }

  /** Records whose key begins so, in the order of their keys. */
  async *list(prefix = ""): AsyncGenerator<ListedRecord, void, undefined> {
    for await (const object of listObjects(this.#calls, this.#prefix + prefix)) {
      if (goneUntil(object) !== undefined) continue;
      yield {
        key: object.key.slice(this.#prefix.length),
        etag: object.etag,
        summary: object.customMetadata?.summary,
      };
    }
  }

  /** Deletes notes of records that are gone, of which a call that failed left one. */
  async tidy(): Promise<void> {
    for await (const object of listObjects(this.#calls, this.#prefix)) {
      const until = goneUntil(object);
      if (until === undefined || until > this.#calls.now()) continue;
      await this.remove(object.key.slice(this.#prefix.length), object.etag);
    }
  }

  /**
   * One conditional write. Where its answer got lost, the next try finds its mark on what is there.
   * @returns the etag, or what is there instead
   */
  async #put(
    key: string,
    bytes: Uint8Array,
    expected: string | undefined,
    notes: Record<string, string>,
  ): Promise<{ readonly etag?: string; readonly found: R2ObjectLike | null }> {
    const { bucket } = this.#calls;
    const name = this.#prefix + key;
    const by = randomName();
    const onlyIf = expected === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: expected };
    return await this.#calls.run(`write ${name}`, async (failures) => {
      const written = await bucket.put(name, bytes, { onlyIf, customMetadata: { ...notes, by } });
      if (written !== null) return { etag: written.etag, found: null };
      const found = await bucket.head(name);
      if (found?.customMetadata?.by === by) return { etag: found.etag, found: null };
      if (found?.etag === expected) throw new Error("R2 refused a write although its condition holds");
      if (failures > 0) {
        throw new SlipwayError(
          "UNAVAILABLE",
          `Cannot write ${name}: R2 did not say whether it was written, and it has been changed since; try again`,
        );
      }
      return { found };
    });
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

function noteOf(summary: string | undefined): Record<string, string> {
  const fits = summary !== undefined && summary.length <= SUMMARY_LIMIT && /^[ -~]*$/.test(summary);
  return fits ? { summary } : {};
}
