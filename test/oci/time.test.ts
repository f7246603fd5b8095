import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTimestamp, isTimestamp } from "../../src/oci/index.ts";

describe("isTimestamp", () => {
  it.each([
    "2015-10-31T22:22:56.015925234Z",
    "1970-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0000-02-29T00:00:00Z",
    "2024-02-29T23:59:59+14:00",
    "2000-02-29T00:00:00-00:30",
    "9999-12-31T23:59:59.9Z",
  ])("takes %s", (text) => {
    expect(isTimestamp(text)).toBe(true);
  });

  it.each([
    "",
    "2015-10-31",
    "2015-10-31T22:22:56",
    "2015-10-31 22:22:56Z",
    "2015-10-31t22:22:56z",
    "2015-10-31T22:22:56.Z",
    "2015-10-31T22:22Z",
    "2015-00-31T22:22:56Z",
    "2015-13-31T22:22:56Z",
    "2015-10-00T22:22:56Z",
    "2015-09-31T22:22:56Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2015-10-31T24:00:00Z",
    "2015-10-31T23:60:00Z",
    "2015-10-31T23:59:60Z",
    "2015-10-31T23:59:59+24:00",
    "2015-10-31T23:59:59+0100",
    "+002015-10-31T23:59:59Z",
    "2015-10-31T22:22:56Z\n",
  ])("refuses %j", (text) => {
    expect(isTimestamp(text)).toBe(false);
  });
});

describe("formatTimestamp", () => {
  it.each([
    [0, "1970-01-01T00:00:00Z"],
    [1_709_251_199, "2024-02-29T23:59:59Z"],
    [-1, "1969-12-31T23:59:59Z"],
    [-62_167_219_200, "0000-01-01T00:00:00Z"],
    [253_402_300_799, "9999-12-31T23:59:59Z"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatTimestamp(seconds)).toBe(text);
  });

  it("writes what isTimestamp takes", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }), (seconds) => {
        expect(isTimestamp(formatTimestamp(seconds))).toBe(true);
        expect(Date.parse(formatTimestamp(seconds))).toBe(seconds * 1000);
      }),
    );
  });

  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, -62_167_219_201, 253_402_300_800])("refuses %d", (seconds) => {
    expect(() => formatTimestamp(seconds)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
