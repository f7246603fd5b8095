import { describe, expect, it } from "vitest";
import { mapConcurrently } from "../../src/exporter/concurrency.ts";

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("mapConcurrently", () => {
  it("gives results in the order of the items, and never runs more than the limit", async () => {
    let inside = 0;
    let most = 0;
    const results = await mapConcurrently([3, 0, 2, 1, 0], 2, undefined, async (pauses) => {
      most = Math.max(most, ++inside);
      for (let i = 0; i < pauses; i++) await pause();
      inside--;
      return pauses * 10;
    });
    expect(results).toEqual([30, 0, 20, 10, 0]);
    expect(most).toBe(2);
    expect(await mapConcurrently([], 2, undefined, async () => 1)).toEqual([]);
  });

  it("stops the others when one fails, waits for them, and throws the first failure", async () => {
    const ended: string[] = [];
    const error = new Error("first");
    const call = mapConcurrently(["fails", "stops", "never begins"], 2, undefined, async (item, signal) => {
      if (item === "fails") throw error;
      while (!signal.aborted) await pause();
      await pause();
      ended.push(item);
      throw signal.reason;
    });
    await expect(call).rejects.toBe(error);
    expect(ended).toEqual(["stops"]);
  });

  it("passes the caller's abort on, with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = mapConcurrently([1, 2], 1, controller.signal, async (_, signal) => {
      controller.abort(reason);
      signal.throwIfAborted();
    });
    await expect(call).rejects.toBe(reason);
    await expect(mapConcurrently([1], 1, AbortSignal.abort(reason), async () => 1)).rejects.toBe(reason);
  });
});
