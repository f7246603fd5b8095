import { expect, it } from "vitest";
import { sha256CompressSource } from "./sha256-rounds.ts";

it("src/hash/sha256-compress.ts is what its generator writes", async () => {
  await expect(sha256CompressSource()).toMatchFileSnapshot("../../src/hash/sha256-compress.ts");
});
