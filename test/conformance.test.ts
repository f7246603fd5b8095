import { describe, expect, it } from "vitest";
import { assert, assertEqual, assertRejects } from "../src/conformance.ts";
import { SlipwayError } from "../src/errors.ts";

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe("assertEqual", () => {
  it.each([
    [1, 1],
    [Number.NaN, Number.NaN],
    [null, null],
    [
      [1, [2]],
      [1, [2]],
    ],
    [
      { a: 1, b: { c: 2 } },
      { b: { c: 2 }, a: 1 },
    ],
    [{ a: 1, b: undefined }, { a: 1 }],
    [bytes(1, 2), bytes(1, 2)],
    [new Map([["a", [1]]]), new Map([["a", [1]]])],
    [new Set([1, 2]), new Set([2, 1])],
  ])("takes %j for %j", (actual, expected) => {
    assertEqual(actual, expected);
  });

  it.each([
    [1, 2],
    [1, "1"],
    [null, undefined],
    [null, {}],
    [[1], [1, 2]],
    [[1], { 0: 1 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: undefined }, { b: 1 }],
    [bytes(1, 2), bytes(1, 3)],
    [bytes(1), [1]],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Map([["a", 1]]), { a: 1 }],
    [new Set([1]), new Set([2])],
  ])("tells %j from %j", (actual, expected) => {
    expect(() => assertEqual(actual, expected, "thing")).toThrow(/^thing: expected .*, got /);
  });
});

it("assert throws its message", () => {
  assert(1, "never");
  expect(() => assert(0, "the reason")).toThrow("the reason");
});

describe("assertRejects", () => {
  const rejected = async (): Promise<never> => {
    throw new SlipwayError("NOT_FOUND", "gone");
  };

  it("gives the error that it waited for", async () => {
    await expect(assertRejects(rejected(), "NOT_FOUND")).resolves.toMatchObject({ message: "gone" });
    await expect(assertRejects(rejected, "NOT_FOUND")).resolves.toMatchObject({ message: "gone" });
  });

  it("says what it got instead", async () => {
    await expect(assertRejects(rejected, "IO", "read")).rejects.toThrow(
      "read: expected a rejection with IO, got SlipwayError NOT_FOUND: gone",
    );
    await expect(assertRejects(Promise.resolve(7), "IO")).rejects.toThrow("but it resolved with 7");
    await expect(assertRejects(Promise.reject(new Error("x")), "IO")).rejects.toThrow("got Error: x");
  });
});
