import { describe, expect, it } from "vitest";
import { digestAlgorithm, digestHex, isDigest, parseDigest } from "../../src/oci/index.ts";

const sha256 = `sha256:${"0a".repeat(32)}`;
const sha512 = `sha512:${"f9".repeat(64)}`;

describe("digests", () => {
  it("are taken apart", () => {
    expect(digestAlgorithm(parseDigest(sha256))).toBe("sha256");
    expect(digestAlgorithm(parseDigest(sha512))).toBe("sha512");
    expect(digestHex(parseDigest(sha256))).toBe("0a".repeat(32));
  });

  // A digest becomes a file's name and a part of URLs (CVE-2024-3727).
  it.each([
    "",
    ":",
    "sha256",
    "sha256:",
    "0a".repeat(32),
    `sha256:${"0A".repeat(32)}`,
    `SHA256:${"0a".repeat(32)}`,
    `sha256:${"0a".repeat(31)}`,
    `sha256:${"0a".repeat(33)}`,
    `sha512:${"0a".repeat(32)}`,
    `sha384:${"0a".repeat(48)}`,
    `md5:${"0a".repeat(16)}`,
    `constructor:${"0a".repeat(32)}`,
    `${sha256}\n`,
    ` ${sha256}`,
    `${sha256}/..`,
    "sha256:../../../etc/passwd",
    `sha256:${"0a".repeat(30)}/../`,
    null,
    undefined,
    42,
    { toString: () => sha256 },
  ])("%j is none", (value) => {
    expect(isDigest(value)).toBe(false);
    expect(() => parseDigest(value, "blob")).toThrow(
      expect.objectContaining({ code: "INVALID_DIGEST", message: expect.stringContaining("Cannot use blob ") }),
    );
  });
});
