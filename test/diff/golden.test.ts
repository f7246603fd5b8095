import { describe, expect, it } from "vitest";
import { createDiffer } from "../../src/diff/index.ts";
import { workbench } from "./support.ts";

/** The byte contract, held: these change only on purpose, with a line in the changelog. containerd gives the same diffIDs. */
const GOLDEN = {
  tree: "sha256:6176dfa0265aacd8e97ae3e649a7639d706611ef71027df7105b925c3ac3f57b",
  changes: "sha256:ea381eaa4c8844a88f3ac321c89ad193ff581f7571760c5d5846c1c4f91ed071",
};

describe("the bytes of a layer", () => {
  it("are those of the byte contract", async () => {
    const bench = workbench();
    const lower = await bench.make(async (work) => {
      await work.mkdir("/a", { mode: 0o750, uid: 1000, gid: 1000, mtime: 1_600_000_000 });
      await work.writeFile("/a/b", "content\n", { mode: 0o4755, mtime: -1 });
      await work.writeFile("/a-b", "x", { uid: 3_000_000, mtime: 8_589_934_592 });
      await work.writeFile(`/a/${"long/".repeat(60)}é`, "x");
      await work.symlink("a/b", "/link");
      await work.link("/a/b", "/z");
      await work.mknod("/null", "char", { mode: 0o666, major: 1, minor: 3 });
      await work.mknod("/fifo", "fifo");
      const capability = new Uint8Array([1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      await work.writeFile("/capable", "", { xattrs: { "security.capability": capability } });
    });
    const upper = await bench.make(async (work) => {
      await work.remove("/a-b");
      await work.link("/a/b", "/b");
      await work.remove("/fifo");
      await work.mkdir("/fifo");
      await work.chmod("/capable", 0o700);
    }, lower.key);
    const differ = createDiffer(bench);
    expect({
      tree: (await differ.compare(undefined, lower.tree)).diffID,
      changes: (await differ.compare(lower.tree, upper.tree)).diffID,
    }).toEqual(GOLDEN);
  });
});
