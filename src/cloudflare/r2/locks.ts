import { SlipwayError } from "../../errors.ts";
import { randomName } from "../../random.ts";
import type { R2Calls } from "./calls.ts";
import { decodeDocument, encodeDocument } from "./document.ts";
import type { R2Records } from "./records.ts";

/** Milliseconds after which the lock of a Worker that is gone can be taken. One that lives renews it in time. */
const HOLD = 60_000;

/** Milliseconds for which another's work is waited for. */
const PATIENCE = 30_000;

/** Locks between isolates: a record each that says who holds it, and until when. */
export class R2Locks {
  readonly #calls: R2Calls;
  readonly #records: R2Records;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(calls: R2Calls, records: R2Records) {
    this.#calls = calls;
    this.#records = records;
  }

  /**
   * Runs `work` while nobody else holds the lock.
   * @throws SlipwayError `UNAVAILABLE` if another isolate does not let go in time
   */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
    // First come, first served within this object; only across isolates is there polling.
    const result = (this.#queues.get(name) ?? Promise.resolve()).then(() => this.#hold(name, work));
    this.#queues.set(
      name,
      result.catch(() => undefined),
    );
    return result;
  }

  async #hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    let etag = await this.#acquire(name);
    let renewal: Promise<unknown> = Promise.resolve();
    let isOver = false;
    const renewLater = async (): Promise<void> => {
      while (!isOver) {
        await this.#calls.pause(HOLD / 3);
        if (isOver) return;
        renewal = this.#replace(name, etag, this.#calls.now() + HOLD).then((next) => {
          etag = next ?? etag;
        });
        await renewal.catch(() => undefined);
      }
    };
    void renewLater();
    try {
      return await work();
    } finally {
      isOver = true;
      await renewal.catch(() => undefined);
      // One that cannot be given back is over by itself before long.
      await this.#replace(name, etag, 0).catch(() => undefined);
    }
  }

  async #acquire(name: string): Promise<string> {
    for (let waited = 0, pause = 10; ; waited += pause) {
      const until = this.#calls.now() + HOLD;
      const found = await this.#records.read(name);
      if (found === undefined) {
        const etag = await this.#records.create(name, encodeDocument({ until, by: randomName() }));
        if (etag !== undefined) return etag;
      } else if (!(Number(decodeDocument(`lock ${name}`, found.bytes).fields.until) > this.#calls.now())) {
        const etag = await this.#replace(name, found.etag, until);
        if (etag !== undefined) return etag;
      }
      if (waited > PATIENCE) {
        throw new SlipwayError("UNAVAILABLE", `Cannot lock ${name}: another Worker holds it; try again`);
      }
      await this.#calls.pause(pause);
      pause = Math.min(pause * 2, 500);
    }
  }

  #replace(name: string, etag: string, until: number): Promise<string | undefined> {
    return this.#records.replace(name, etag, encodeDocument({ until, by: randomName() }));
  }
}
