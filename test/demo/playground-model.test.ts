import { createMemoryImageStore, type Descriptor } from "slipway";
import { describe, expect, it } from "vitest";
import { deleteStoredImage } from "../../demo/playground/src/model/images.ts";

const targetOf = (digit: string): Descriptor => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${digit.repeat(64)}`,
  size: 1,
});

describe("an image that is deleted in the playground", () => {
  it("loses the names that it has still: one that a build gave to another image since it was shown stays", async () => {
    const images = createMemoryImageStore();
    for (const name of ["a", "b", "c", "d"]) await images.create({ name, target: targetOf("1") });
    const shown = { descriptor: targetOf("1"), names: [], fullNames: ["a", "b", "c"] };
    await images.update({ name: "a", target: targetOf("2") });
    await images.delete("b");
    await deleteStoredImage({ images }, shown);
    expect((await images.list()).map(({ name, target }) => [name, target.digest])).toEqual([
      ["a", targetOf("2").digest],
      ["d", targetOf("1").digest],
    ]);
  });
});
