import { describe, expect, it } from "vitest";
import {
  formatPlatform,
  matchPlatform,
  normalisePlatform,
  type Platform,
  parsePlatform,
  selectPlatform,
} from "../../src/oci/index.ts";

const host: Platform = { os: "linux", architecture: "amd64" };
const platform = (text: string): Platform => parsePlatform(text);

describe("parsePlatform", () => {
  // What containerd/platforms makes of the same text: parsed, and normalised after that.
  it.each([
    ["linux/amd64", "linux/amd64", "linux/amd64"],
    ["linux/x86_64", "linux/amd64", "linux/amd64"],
    ["linux/x86-64", "linux/amd64", "linux/amd64"],
    ["Linux/AMD64/V1", "linux/amd64", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v3"],
    ["linux/i386", "linux/386", "linux/386"],
    ["linux/aarch64", "linux/arm64", "linux/arm64"],
    ["linux/arm64", "linux/arm64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/v8.0", "linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/v8.2", "linux/arm64/v8.2", "linux/arm64/v8.2"],
    ["linux/arm64/9.0", "linux/arm64/v9", "linux/arm64/v9"],
    ["linux/arm", "linux/arm", "linux/arm/v7"],
    ["linux/armhf", "linux/arm", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6", "linux/arm/v6"],
    ["linux/arm/v7", "linux/arm/v7", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6", "linux/arm/v6"],
    ["linux/riscv64", "linux/riscv64", "linux/riscv64"],
    ["macos/arm64", "darwin/arm64", "darwin/arm64"],
    ["windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"],
    ["windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"],
    ["linux(+b+a+a)/amd64", "linux(+a+b)/amd64", "linux(+a+b)/amd64"],
    ["linux(1%2F2)/amd64", "linux(1%2F2)/amd64", "linux(1%2F2)/amd64"],
    ["foo/bar/baz", "foo/bar/baz", "foo/bar/baz"],
  ])("reads %s", (text, parsed, normalised) => {
    expect(formatPlatform(parsePlatform(text))).toBe(parsed);
    expect(formatPlatform(normalisePlatform(parsePlatform(text)))).toBe(normalised);
  });

  it("takes apart version and features of the operating system", () => {
    expect(parsePlatform("windows(10.0%2B1+win32k+x)/amd64")).toEqual({
      architecture: "amd64",
      os: "windows",
      "os.version": "10.0+1",
      "os.features": ["win32k", "x"],
    });
  });

  it.each([
    ["linux", "linux/amd64"],
    ["macos", "darwin/amd64"],
    ["windows(10.0.20348)", "windows(10.0.20348)/amd64"],
    ["arm64", "linux/arm64"],
    ["aarch64", "linux/arm64"],
    ["armhf", "linux/arm"],
    ["armel", "linux/arm/v6"],
    ["x86_64", "linux/amd64"],
  ])("completes %s by the host's", (text, expected) => {
    expect(formatPlatform(parsePlatform(text, host))).toBe(expected);
  });

  it("takes the host's variant over, but for the usual one", () => {
    expect(formatPlatform(parsePlatform("linux", { os: "linux", architecture: "arm", variant: "v6" }))).toBe(
      "linux/arm/v6",
    );
    expect(formatPlatform(parsePlatform("linux", { os: "linux", architecture: "armhf" }))).toBe("linux/arm");
  });

  it.each([
    ["", "is no operating system"],
    ["/", "is no operating system"],
    ["linux/", "may only have"],
    ["linux/amd64/", "may only have"],
    ["linux/amd64/v1/x", "more parts than"],
    ["*/amd64", "is no operating system"],
    ["linux/*", "may only have"],
    ["lin ux/amd64", "is no operating system"],
    ["linux/a b", "may only have"],
    ["linux(1/amd64", "is no operating system"],
    ["linux(%zz)/amd64", "is no operating system|wrong % escape"],
    ["linux", "write os/architecture"],
    ["amd64", "write os/architecture"],
  ])("refuses %j", (text, reason) => {
    expect(() => parsePlatform(text)).toThrow(
      expect.objectContaining({ code: "INVALID_PLATFORM", message: expect.stringMatching(new RegExp(reason)) }),
    );
  });

  it("refuses a word that is neither system nor architecture even with a host", () => {
    expect(() => parsePlatform("foo", host)).toThrow("it is no operating system and no architecture");
  });
});

it("normalisePlatform keeps the rest and does not change its argument", () => {
  const given: Platform = {
    os: "Windows",
    architecture: "x86_64",
    variant: "V1",
    "os.version": "10.0.1",
    "os.features": ["b", "a", "b"],
  };
  const copy = structuredClone(given);
  expect(normalisePlatform(given)).toEqual({
    os: "windows",
    architecture: "amd64",
    "os.version": "10.0.1",
    "os.features": ["a", "b"],
  });
  expect(given).toEqual(copy);
});

describe("matchPlatform", () => {
  // In the order of preference that containerd's platforms.Only has.
  it.each([
    ["linux/amd64", ["linux/amd64", "linux/386"]],
    ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]],
    ["linux/386", ["linux/386"]],
    ["linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm/v6", ["linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm64", ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm64/v8.2", ["linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8", "linux/arm/v7"]],
    ["linux/arm64/v9", ["linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8.4", "linux/arm64", "linux/arm/v7"]],
    ["linux/arm64/v9.7", ["linux/arm64/v9.7", "linux/arm64/v9", "linux/arm64/v8.9", "linux/arm64"]],
    ["linux/arm64/v10", ["linux/arm64/v10"]],
    ["linux/s390x", ["linux/s390x"]],
  ])("%s runs, best first, %j", (wanted, order) => {
    const ranks = order.map((text) => matchPlatform(platform(wanted), platform(text)));
    expect(ranks).not.toContain(undefined);
    expect([...ranks].sort((a = 0, b = 0) => a - b)).toEqual(ranks);
    expect(new Set(ranks).size).toBe(ranks.length);
    expect(ranks[0]).toBe(0);
  });

  it.each([
    ["linux/amd64", "linux/amd64/v2"],
    ["linux/amd64", "linux/arm64"],
    ["linux/amd64", "windows/amd64"],
    ["linux/386", "linux/amd64"],
    ["linux/arm/v6", "linux/arm/v7"],
    ["linux/arm/v7", "linux/arm64"],
    ["linux/arm64", "linux/arm64/v8.1"],
    ["linux/arm64/v8.9", "linux/arm64/v9"],
    ["linux/arm64/v9", "linux/arm64/v8.6"],
    ["linux/amd64", "linux(+feature)/amd64"],
    ["linux/amd64", "unknown/unknown"],
  ])("%s does not run %s", (wanted, candidate) => {
    expect(matchPlatform(platform(wanted), platform(candidate))).toBeUndefined();
  });

  it("strictly, takes the platform itself only, however it is written", () => {
    const strict = { strict: true };
    expect(matchPlatform(platform("linux/arm64"), platform("linux/aarch64/v8"), strict)).toBe(0);
    expect(matchPlatform(platform("linux/armhf"), platform("linux/arm/v7"), strict)).toBe(0);
    expect(matchPlatform(platform("linux/arm/v7"), platform("linux/arm/v6"), strict)).toBeUndefined();
    expect(matchPlatform(platform("linux/amd64"), platform("linux/386"), strict)).toBeUndefined();
  });

  it.each([
    ["10.0.17763", "10.0.17763.1234", true],
    ["10.0.17763", "10.0.17764", false],
    ["10.0.20348", "10.0.20348.99", true],
    ["10.0.20348", "10.0.17763", false],
    ["10.0.25398", "10.0.20348", true],
    ["10.0.26100", "10.0.20348", true],
    ["10.0.26200", "10.0.20348", false],
    ["10.0.26200", "10.0.26100", true],
    ["10.0.20348", "10.0.25398", false],
    ["10.0.20348", "6.1.20348", false],
    ["10.0.20348", "nonsense", false],
  ])("Windows %s and an image of %s: %s", (hostVersion, imageVersion, runs) => {
    const windows: Platform = { os: "windows", architecture: "amd64", "os.features": ["win32k"] };
    const rank = matchPlatform(
      { os: "windows", architecture: "amd64", "os.version": hostVersion },
      { ...windows, "os.version": imageVersion },
    );
    expect(rank !== undefined).toBe(runs);
    expect(matchPlatform({ os: "windows", architecture: "amd64" }, { ...windows, "os.version": imageVersion })).toBe(0);
    expect(matchPlatform({ ...windows, "os.version": hostVersion }, windows)).toBe(0);
  });
});

describe("selectPlatform", () => {
  const candidates: { name: string; platform?: Platform }[] = [
    { name: "none" },
    ...["linux/386", "linux/arm/v5", "linux/arm/v6", "linux/amd64", "linux/amd64", "linux(+a)/amd64"].map(
      (name, at) => ({ name: `${name} ${at}`, platform: platform(name) }),
    ),
  ];
  const select = (wanted: string): string | undefined => selectPlatform(candidates, platform(wanted))?.name;

  it("takes the best, and the first of equals", () => {
    expect(select("linux/amd64")).toBe("linux/amd64 3");
    expect(select("linux/386")).toBe("linux/386 0");
    expect(select("linux/arm64")).toBe("linux/arm/v6 2");
    expect(select("linux/arm/v5")).toBe("linux/arm/v5 1");
  });

  it("prefers more of the wanted features", () => {
    expect(select("linux(+a+b)/amd64")).toBe("linux(+a)/amd64 5");
  });

  it("gives undefined where nothing suits", () => {
    expect(select("linux/s390x")).toBeUndefined();
    expect(selectPlatform([], platform("linux/amd64"))).toBeUndefined();
    expect(selectPlatform(candidates, platform("linux/arm64"), { strict: true })).toBeUndefined();
  });
});
