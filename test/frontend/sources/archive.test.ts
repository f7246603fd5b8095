import { describe, expect, it } from "vitest";
import { bytesSource } from "../../../src/bytes.ts";
import { gzip } from "../../../src/compress/index.ts";
import { addArchive } from "../../../src/frontend/index.ts";
import { file, nodes, tarOf, workbench } from "../../diff/support.ts";
import { rawZip } from "./raw-zip.ts";
import { collect, failureOf, treeAfter } from "./support.ts";

describe("an archive", () => {
  it("is told by how it begins", async () => {
    const tar = await collect(tarOf(file("f", "x")));
    const kinds: readonly (readonly [Uint8Array<ArrayBuffer>, string])[] = [
      [tar, "tar"],
      [await collect(gzip(tar)), "tar"],
      [rawZip([{ name: "f", packed: "x" }]), "zip"],
    ];
    for (const [bytes, format] of kinds) {
      for (const source of [bytes, new Blob([bytes]), bytesSource(bytes)]) {
        const work = await workbench().snapshots.prepare("work");
        expect(await addArchive(work, source, { dest: "/srv" })).toEqual({ entries: 1, size: 1, format });
        expect(await work.readTextFile("/srv/f")).toBe("x");
      }
    }
  });

  it("may be empty", async () => {
    for (const bytes of [new Uint8Array(10240), rawZip([])]) {
      expect(nodes(await treeAfter((work) => addArchive(work, bytes))).size).toBe(0);
    }
  });

  it("is refused if it is none, or of a kind that cannot be read", async () => {
    const xz = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0, 0, 0, 0);
    for (const bytes of [new Uint8Array(0), new TextEncoder().encode("a text\n".repeat(100)), xz]) {
      expect(await failureOf((work) => addArchive(work, bytes))).toMatchObject({ code: "UNSUPPORTED" });
    }
    const notTar = await collect(gzip(new TextEncoder().encode("a text\n".repeat(100))));
    expect(await failureOf((work) => addArchive(work, notTar))).toMatchObject({ code: "INVALID_TAR" });
  });
});
