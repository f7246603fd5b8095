import { describe, expect, it } from "vitest";
import { type FuzzOutcome, fuzz } from "./fuzz/run.ts";

/** What `node test/compress/fuzz/main.js` does for as long as it is told to, with real files beside. */
describe("fuzzing", () => {
  const short = (first: number): Promise<FuzzOutcome> =>
    fuzz({ seed: 5, first, more: (done) => done < 100, levels: [1, 2, 3, 4, 5, 6, 7, 8, 9], most: 60_000 });

  it.each([0, 100, 200])("finds nothing in a hundred cases, from number %i on", async (first) => {
    const { failure, totals } = await short(first);
    expect(failure).toBeUndefined();
    expect(totals.size).toBe(9);
  });

  it("does the same each time", async () => {
    expect(await short(0)).toEqual(await short(0));
  });
});
