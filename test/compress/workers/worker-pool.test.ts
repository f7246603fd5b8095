import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes.ts";
import { deflateBlock } from "../../../src/compress/compress-pool.ts";
import { compressPoolConformance } from "../../../src/compress/conformance.ts";
import { gzip, inThreadPool } from "../../../src/compress/index.ts";
import type { PoolWorkerEvents, WorkerPoolHost } from "../../../src/compress/workers/host.ts";
import { answerRequest, READY } from "../../../src/compress/workers/messages.ts";
import { createWorkerPool, type WorkerPoolOptions } from "../../../src/compress/workers/worker-pool.ts";
import { FakeHost } from "./fake-host.ts";

const block = (seed = 1, size = 100_000): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(seed);
const give = (pool: ReturnType<typeof createWorkerPool>, seed = 1, signal?: AbortSignal) => {
  const promise = pool.deflate(block(seed), { level: 1, signal });
  // Each test says itself what becomes of it.
  promise.catch(() => undefined);
  return promise;
};
const made = (seed = 1) => deflateBlock(block(seed), 1);
/** Lets promises go on. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Workers of this thread that answer after a while that nobody foresees. */
function slowHost(delay: () => number): WorkerPoolHost {
  return {
    parallelism: 2,
    start(events: PoolWorkerEvents) {
      setTimeout(() => events.message(READY), delay());
      let before = Promise.resolve();
      return {
        send: ({ message }) => {
          before = before.then(async () => {
            await new Promise((resolve) => setTimeout(resolve, delay()));
            events.message(answerRequest(message).message);
          });
        },
        hold: () => undefined,
        end: async () => undefined,
      };
    },
    later: (milliseconds, call) => {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
    turn: async () => undefined,
  };
}

describe("the pool of this thread", () => {
  const cases = compressPoolConformance(async () => inThreadPool, { neverClosed: true });
  it.each(cases)("$name", ({ run }) => run());
});

describe("a pool whose workers take some time", () => {
  let state = 1;
  const delay = (): number => {
    state = (state * 48271) % 2147483647;
    return state % 7;
  };
  it.each(compressPoolConformance(async () => createWorkerPool(slowHost(delay), { workers: 3 })))("$name", ({ run }) =>
    run(),
  );
});

describe("a pool whose workers cannot be started", () => {
  const open = async () => {
    const host = new FakeHost();
    host.refuses = true;
    return createWorkerPool(host, {});
  };
  it.each(compressPoolConformance(open))("$name", ({ run }) => run());
});

describe("a pool of workers", () => {
  it("makes the same gzip stream with any number of workers, whichever is done first", {
    timeout: 120_000,
  }, async () => {
    const bytes = Uint8Array.from({ length: 5_000_000 }, (_, at) => (at * at) >>> (at & 7));
    const all = async (pool = inThreadPool) => {
      const parts: Uint8Array[] = [];
      for await (const part of gzip(bytes, { level: 1, pool })) parts.push(part);
      return concatBytes(parts);
    };
    const expected = await all();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 2, 8),
        fc.array(fc.nat(15), { minLength: 3, maxLength: 12 }),
        async (workers, delays) => {
          let at = 0;
          const pool = createWorkerPool(
            slowHost(() => delays[at++ % delays.length] ?? 0),
            { workers },
          );
          expect(Buffer.compare(await all(pool), expected)).toBe(0);
          await pool.close();
        },
      ),
      { numRuns: 8 },
    );
  });

  it("starts a worker only when a block waits, and no second one while one is enough", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    expect(host.workers.length).toBe(0);
    const first = give(pool, 1);
    expect(host.workers.map(({ requests }) => requests.length)).toEqual([0]);
    host.workers[0]?.ready();
    host.workers[0]?.answer();
    expect(await first).toEqual(made(1));
    const second = give(pool, 2);
    host.workers[0]?.answer();
    expect(await second).toEqual(made(2));
    expect(host.workers.length).toBe(1);
  });

  it("entrusts nothing to a worker before its program is loaded", () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    const bytes = block();
    pool.deflate(bytes, { level: 1 });
    expect(bytes.byteLength).toBe(100_000);
    host.workers[0]?.ready();
    expect(bytes.byteLength).toBe(0);
  });

  it("starts as many as are needed, up to its number, then gives each a second block, and no third", () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, { workers: 3 });
    for (let seed = 0; seed < 10; seed++) give(pool, seed);
    expect(host.workers.length).toBe(3);
    host.workers[0]?.ready();
    expect(host.workers.map(({ requests }) => requests.length)).toEqual([1, 0, 0]);
    host.workers[1]?.ready();
    host.workers[2]?.ready();
    expect(host.workers.map(({ requests }) => requests.length)).toEqual([2, 2, 2]);
    host.workers[1]?.answer();
    expect(host.workers.map(({ requests }) => requests.length)).toEqual([2, 2, 2]);
  });

  it("takes blocks in the order in which they come, whoever gives them", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, { workers: 1 });
    for (const seed of [1, 2, 3, 4]) give(pool, seed);
    const [worker] = host.workers;
    worker?.ready();
    const order: (number | undefined)[] = [];
    while (worker !== undefined && worker.requests.length > 0) {
      order.push(worker.requests[0]?.block[0]);
      worker.answer();
    }
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it("starts no worker for a small image", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    expect(await pool.deflate(block(5, 60_000), { level: 9 })).toEqual(deflateBlock(block(5, 60_000), 9));
    expect(host.workers.length).toBe(0);
  });

  it("holds the process only while there is something to do", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    const controller = new AbortController();
    const first = give(pool, 1, controller.signal);
    const [worker] = host.workers;
    expect(worker?.held).toBe(true);
    controller.abort();
    await expect(first).rejects.toBe(controller.signal.reason);
    expect(worker?.held).toBe(false);
    give(pool, 2);
    expect(worker?.held).toBe(true);
    worker?.ready();
    expect(worker?.held).toBe(true);
    worker?.answer();
    expect(worker?.held).toBe(false);
  });

  it("ends workers that have had nothing to do for a while, and starts new ones afterwards", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, { idleTime: 500 });
    const first = give(pool, 1);
    host.workers[0]?.ready();
    host.pass(1000);
    expect(host.workers[0]?.ended).toBe(false);
    host.workers[0]?.answer();
    await first;
    host.pass(400);
    const second = give(pool, 2);
    host.pass(400);
    expect(host.workers[0]?.ended).toBe(false);
    host.workers[0]?.answer();
    await second;
    host.pass(500);
    expect(host.workers[0]?.ended).toBe(true);
    const third = give(pool, 3);
    expect(host.workers.length).toBe(2);
    host.workers[1]?.ready();
    host.workers[1]?.answer();
    expect(await third).toEqual(made(3));
  });

  it("does not begin a block that was given up, and pays no heed to what comes of one that was begun", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, { workers: 1 });
    const controller = new AbortController();
    const given = [1, 2, 3].map((seed) => give(pool, seed, controller.signal));
    const other = give(pool, 4);
    const [worker] = host.workers;
    worker?.ready();
    controller.abort(new Error("enough"));
    for (const promise of given) await expect(promise).rejects.toThrow("enough");
    worker?.answer();
    worker?.answer();
    // The third one was never sent.
    expect(worker?.requests.map((request) => request.block[0])).toEqual([4]);
    worker?.answer();
    expect(await other).toEqual(made(4));
  });

  it("fails only the blocks that a worker has when it dies, and goes on with another one", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, { workers: 1, onWarning: () => expect.unreachable() });
    const [first, second, third] = [1, 2, 3].map((seed) => give(pool, seed));
    host.workers[0]?.ready();
    host.workers[0]?.die("out of memory");
    for (const lost of [first, second]) {
      await expect(lost).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message:
          "Cannot deflate a block: its worker has ended: out of memory; try again, if memory is short with fewer workers",
      });
    }
    expect(host.workers[0]?.ended).toBe(true);
    host.workers[1]?.ready();
    host.workers[1]?.answer();
    expect(await third).toEqual(made(3));
  });

  it("passes on what went wrong in a worker that lives", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    const first = give(pool);
    host.workers[0]?.ready();
    host.workers[0]?.events.message({ kind: "failed", id: 0, message: "RangeError: no memory" });
    await expect(first).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "Cannot deflate a block: its worker failed: RangeError: no memory",
    });
  });

  const warned = (host: FakeHost, options: WorkerPoolOptions = {}) => {
    const warnings: string[] = [];
    const pool = createWorkerPool(host, { ...options, onWarning: (message) => warnings.push(message) });
    return { pool, warnings };
  };
  const WARNING =
    "No worker can be started to compress in, so all is compressed in this thread, which takes longer: there are none here";

  it("does all in this thread where there are no workers, and says so once", async () => {
    const host = new FakeHost();
    host.refuses = true;
    const { pool, warnings } = warned(host);
    const results = await Promise.all([1, 2, 3].map((seed) => give(pool, seed)));
    expect(results).toEqual([1, 2, 3].map(made));
    expect(await give(pool, 4)).toEqual(made(4));
    expect(warnings).toEqual([WARNING]);
  });

  it("does in this thread what waits for workers whose program cannot be loaded", async () => {
    const host = new FakeHost();
    const { pool, warnings } = warned(host);
    const given = [1, 2, 3].map((seed) => give(pool, seed));
    host.workers[0]?.die("first");
    expect(warnings).toEqual([]);
    host.workers[1]?.die("there are none here");
    expect(await Promise.all(given)).toEqual([1, 2, 3].map(made));
    expect(warnings).toEqual([WARNING]);
    expect(host.workers.length).toBe(2);
  });

  it("goes on with fewer workers where not all can be started", async () => {
    const host = new FakeHost();
    const { pool, warnings } = warned(host);
    const given = [1, 2].map((seed) => give(pool, seed));
    host.workers[0]?.ready();
    host.workers[1]?.die("no more");
    host.workers[0]?.answer();
    host.workers[0]?.answer();
    expect(await Promise.all(given)).toEqual([1, 2].map(made));
    expect([host.workers.length, warnings]).toEqual([2, []]);
  });

  it("waits twenty seconds for a worker that says nothing", async () => {
    const host = new FakeHost();
    const { pool, warnings } = warned(host, { workers: 1 });
    const first = give(pool);
    host.pass(19_999);
    await settled();
    expect(warnings).toEqual([]);
    host.pass(1);
    expect(await first).toEqual(made());
    expect(warnings).toEqual([expect.stringMatching(/: its program was not loaded in 20 s$/)]);
    expect(host.workers[0]?.ended).toBe(true);
  });

  it("ends all workers when it is closed, also those that are starting, and fails all that is under way", async () => {
    const host = new FakeHost();
    const pool = createWorkerPool(host, {});
    const given = [1, 2, 3].map((seed) => give(pool, seed));
    host.workers[0]?.ready();
    await pool.close();
    for (const promise of given) {
      await expect(promise).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: "Cannot deflate a block: the pool is closed; make a new one",
      });
    }
    expect(host.workers.map(({ ended }) => ended)).toEqual([true, true]);
    // A late word is heard by nobody.
    host.workers[1]?.ready();
    host.workers[0]?.answer();
    host.workers[0]?.die("after the end");
    await expect(give(pool)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(host.workers.length).toBe(2);
  });

  it("is closed at the end of a block", async () => {
    const host = new FakeHost();
    {
      await using pool = createWorkerPool(host, {});
      give(pool);
    }
    expect(host.workers[0]?.ended).toBe(true);
  });

  it("has as many workers as the host runs at once, at most eight", () => {
    for (const [parallelism, workers] of [
      [1, 1],
      [4, 4],
      [8, 8],
      [64, 8],
    ] as const) {
      const host = new FakeHost(parallelism);
      const pool = createWorkerPool(host, {});
      for (let seed = 0; seed < 100; seed++) give(pool, seed);
      expect(host.workers.length).toBe(workers);
    }
  });

  it("says that it works on a block at a time without workers, and on two with one: the next one is there already", () => {
    const concurrency = (workers: number) => createWorkerPool(new FakeHost(), { workers }).concurrency;
    expect([0, 1, 2, 8].map(concurrency)).toEqual([1, 2, 2, 8]);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d workers", (workers) => {
    expect(() => createWorkerPool(new FakeHost(), { workers })).toThrow(
      `Cannot make a pool of workers: their number is ${workers}, not a whole number from 0 on`,
    );
  });

  it.each([-1, Number.NaN])("refuses to be idle for %d ms", (idleTime) => {
    expect(() => createWorkerPool(new FakeHost(), { idleTime })).toThrow("not a number of milliseconds");
  });
});
