import { describe, expect, it } from "vitest";
import type { ExportedImage } from "../../src/exporter/exporter.ts";
import type { Ref } from "../../src/snapshots/snapshotter.ts";
import { type House, openHouse, progressLog, threeRefs } from "./support.ts";

/** Makes every comparison wait until it is let go, heeding its signal. */
function holdUp(house: House): { readonly letGo: () => void; readonly reached: Promise<void> } {
  let letGo = (): void => undefined;
  let arrive = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  house.differ.before = async (signal) => {
    arrive();
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      gate.then(resolve);
    });
  };
  return { letGo, reached };
}

/** Lets go of the test's own refs; that nobody else holds them shows in that they can be removed. */
async function expectReleased(house: House, refs: readonly Ref[]): Promise<void> {
  for (const ref of refs) ref.release();
  for (const key of ["top", "middle", "base"]) {
    await expect(house.snapshots.remove(key)).resolves.toBeUndefined();
  }
}

async function blobsOf(house: House): Promise<string[]> {
  const digests: string[] = [];
  for await (const { digest } of house.content.list()) digests.push(digest);
  return digests.sort();
}

async function ingestsOf(house: House): Promise<string[]> {
  const refs: string[] = [];
  for await (const { ref } of house.content.statuses()) refs.push(ref);
  return refs;
}

describe("exports at the same time", () => {
  it("make each layer once and tell both callers its progress", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const { letGo, reached } = holdUp(house);
    const logs = [progressLog(), progressLog()];
    const exports = logs.map(({ onProgress }) => house.exporter.resolve().export(top, { onProgress }));
    await reached;
    letGo();
    const [one, two] = await Promise.all(exports);
    expect(one?.digest).toBe(two?.digest);
    expect(house.differ.count).toBe(3);
    for (const { find } of logs) expect(find(/layer 1\/3/, "running")).toBeDefined();
  });

  it("of different tops share what they have in common", async () => {
    const house = openHouse();
    const [, middle, top] = await threeRefs(house);
    await Promise.all([house.exporter.resolve().export(middle), house.exporter.resolve().export(top)]);
    expect(house.differ.count).toBe(3);
  });

  it("go on when one of them is cancelled", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const { letGo, reached } = holdUp(house);
    const controller = new AbortController();
    const leaves = house.exporter.resolve().export(top, { signal: controller.signal });
    const stays = house.exporter.resolve().export(top);
    await reached;
    await new Promise((resolve) => setTimeout(resolve));
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(leaves).rejects.toBe(reason);
    letGo();
    await expect(stays).resolves.toMatchObject({ manifests: [{ layers: { length: 3 } }] });
    expect(house.differ.count).toBe(3);
  });

  it("share a failure, which is not kept", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const error = new Error("no");
    house.differ.before = async () => {
      throw error;
    };
    const job = house.exporter.resolve();
    const results = await Promise.allSettled([job.export(top), job.export(top)]);
    for (const result of results) expect(result).toMatchObject({ status: "rejected", reason: error });
    house.differ.before = async () => undefined;
    await expect(job.export(top)).resolves.toBeDefined();
  });
});

describe("a cancelled export", () => {
  it("rejects with the signal's reason, leaves nothing behind and holds no ref", async () => {
    const house = openHouse();
    const refs = await threeRefs(house);
    const [, , top] = refs;
    const before = await blobsOf(house);
    const { reached } = holdUp(house);
    const controller = new AbortController();
    const log = progressLog();
    const job = house.exporter.resolve({ name: "app" });
    const call = job.export(top, { signal: controller.signal, onProgress: log.onProgress });
    await reached;
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(await blobsOf(house)).toEqual(before);
    expect(await ingestsOf(house)).toEqual([]);
    expect(await house.images.list()).toEqual([]);
    expect(log.find(/^exporting layers$/, "failed")?.error).toBe(reason);
    await expectReleased(house, refs);
  });

  it("does not keep the next one from succeeding", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const { reached } = holdUp(house);
    const controller = new AbortController();
    const call = house.exporter.resolve().export(top, { signal: controller.signal });
    await reached;
    controller.abort(new Error("enough"));
    house.differ.before = async () => undefined;
    const next = house.exporter.resolve().export(top);
    await expect(call).rejects.toThrow("enough");
    await expect(next).resolves.toBeDefined();
  });

  it("is cancelled before anything is done if its signal is aborted already", async () => {
    const house = openHouse();
    const [base] = await threeRefs(house);
    const log = progressLog();
    const signal = AbortSignal.abort(new Error("before"));
    await expect(house.exporter.resolve().export(base, { signal, onProgress: log.onProgress })).rejects.toThrow(
      "before",
    );
    expect(log.events).toEqual([]);
  });

  it("stops wherever it is, and what was made can be used later", async () => {
    const house = openHouse();
    const [, , top] = await threeRefs(house);
    const whole = await openHouseWithSame(top.key);
    let events = 0;
    for (let stop = 1; ; stop += 2) {
      events = 0;
      const controller = new AbortController();
      const call = house.exporter.resolve({ name: "app" }).export(top, {
        signal: controller.signal,
        onProgress: () => {
          if (++events === stop) controller.abort(new Error("stop"));
        },
      });
      const result = await call.catch((error: unknown) => error);
      if (!(result instanceof Error)) {
        expect((result as ExportedImage).digest).toBe(whole);
        break;
      }
      expect(result.message).toBe("stop");
      expect(await ingestsOf(house)).toEqual([]);
    }
    expect(events).toBeGreaterThan(8);
  });
});

describe("a failed export", () => {
  it("holds no ref and leaves no ingest", async () => {
    const house = openHouse();
    const refs = await threeRefs(house);
    const [, , top] = refs;
    house.differ.before = async () => {
      if (house.differ.count === 3) throw new Error("third");
    };
    await expect(house.exporter.resolve().export(top)).rejects.toThrow("third");
    expect(await ingestsOf(house)).toEqual([]);
    await expectReleased(house, refs);
  });

  it("says which file is missing from the store", async () => {
    const house = openHouse();
    const ref = await house.commit("a", undefined, (work) => work.writeFile("/lost", "content"));
    for (const digest of await blobsOf(house)) await house.content.delete(digest as `sha256:${string}`);
    await expect(house.exporter.resolve().export(ref)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("/lost"),
    });
  });

  it("refuses a ref of another snapshotter", async () => {
    const [, , stranger] = await threeRefs(openHouse());
    await expect(openHouse().exporter.resolve().export(stranger)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("a finished export", () => {
  it("holds no ref", async () => {
    const house = openHouse();
    const refs = await threeRefs(house);
    await house.exporter.resolve().export(refs[2]);
    await expectReleased(house, refs);
  });

  it("went on although the caller released the ref meanwhile", async () => {
    const house = openHouse();
    const refs = await threeRefs(house);
    const [, , top] = refs;
    const { letGo, reached } = holdUp(house);
    const call = house.exporter.resolve().export(top);
    await reached;
    top.release();
    await expect(house.snapshots.remove("top")).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    letGo();
    await call;
    await expectReleased(house, refs);
  });
});

/** Digest of the same export in one go. */
async function openHouseWithSame(key: string): Promise<string> {
  const house = openHouse();
  await threeRefs(house);
  return (await house.exporter.resolve().export(await house.snapshots.get(key))).digest;
}
