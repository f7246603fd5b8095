import { describe, expect, it } from "vitest";
import { bytesEqual, toBlob } from "../src/bytes.ts";

/** Chunks of ascending bytes in one array that is used again and again. */
async function* reusing(sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = new Uint8Array(Math.max(0, ...sizes));
  let next = 0;
  for (const size of sizes) {
    const chunk = buffer.subarray(0, size);
    for (let index = 0; index < size; index++) chunk[index] = next++;
    yield chunk;
  }
}

const ascending = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => index);

describe("a Blob of a source", () => {
  it.each([
    ["nothing", []],
    ["chunks of which some are empty", [0, 1, 0, 7, 65_536]],
    ["more than one part", [3_000_000, 3_000_000, 3_000_000, 5]],
  ])("has all bytes of %s", async (_, sizes) => {
    const blob = await toBlob(reusing(sizes));
    const size = sizes.reduce((sum, one) => sum + one, 0);
    expect([blob.size, blob.type]).toEqual([size, ""]);
    expect(bytesEqual(new Uint8Array(await blob.arrayBuffer()), ascending(size))).toBe(true);
  });

  it("takes bytes and streams, and the type that is given", async () => {
    expect(await (await toBlob(new TextEncoder().encode("bytes"))).text()).toBe("bytes");
    const blob = await toBlob(new Blob(["stream"]).stream(), { type: "application/x-tar" });
    expect([await blob.text(), blob.type]).toEqual(["stream", "application/x-tar"]);
  });

  it("fails as its source does", async () => {
    const failure = new Error("the disk is gone");
    const failing = (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield new Uint8Array(1);
      throw failure;
    })();
    await expect(toBlob(failing)).rejects.toBe(failure);
  });
});
