import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../../src/bytes.ts";
import { decompress, detectCompression } from "../../src/compress/index.ts";
import { writeTar } from "../../src/tar/index.ts";
import { itWith } from "../support/tools.ts";
import { collect, prose, split } from "./support/data.ts";

const tarOf = (name: string): Promise<Uint8Array> =>
  collect(writeTar([{ header: { name, type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 } }]));

describe("the compression", () => {
  it("is told by the first bytes", () => {
    expect(detectCompression(gzipSync("x"))).toBe("gzip");
    expect(detectCompression(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0))).toBe("zstd");
    expect(detectCompression(Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 4))).toBe("zstd");
    expect(detectCompression(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0))).toBe("xz");
    expect(detectCompression(new TextEncoder().encode("BZh91AY&SY"))).toBe("bzip2");
    expect(detectCompression(new Uint8Array(0))).toBe("uncompressed");
    expect(detectCompression(Uint8Array.of(0x1f, 0x8b))).toBe("uncompressed");
  });

  it("of a tar is none, whatever its first file is called", async () => {
    for (const name of ["a", "BZh9", "BZh91AY", "(", "\x1f", "P*M", "7z"]) {
      expect(detectCompression(await tarOf(name))).toBe("uncompressed");
    }
  });

  itWith(["xz", "bzip2"], "of xz and bzip2 is known and refused by name", async () => {
    for (const tool of ["xz", "bzip2"]) {
      const data = execFileSync(tool, ["-c"], { input: prose(100) });
      expect(detectCompression(data)).toBe(tool);
      await expect(collect(decompress(data))).rejects.toMatchObject({
        code: "UNSUPPORTED",
        message: expect.stringContaining(tool),
      });
    }
  });
});

describe("decompress", () => {
  const bytes = prose(100_000);

  it.each([1, 3, 10, 65536])("reads gzip, and anything else as it is, in chunks of %i bytes", async (size) => {
    expect(Buffer.compare(await collect(decompress(split(gzipSync(bytes), size))), bytes)).toBe(0);
    expect(Buffer.compare(await collect(decompress(split(bytes, size))), bytes)).toBe(0);
  });

  it("reads short and empty data as it is", async () => {
    for (const short of [new Uint8Array(0), Uint8Array.of(0x1f), Uint8Array.of(0x1f, 0x8b)]) {
      expect(await collect(decompress(short))).toEqual(short);
    }
  });

  it("takes any source", async () => {
    expect((await collect(decompress(bytesSource(gzipSync(bytes)).open()))).byteLength).toBe(100_000);
    expect((await collect(decompress(new Blob([bytes]).stream()))).byteLength).toBe(100_000);
  });

  it("lets go of its source", async () => {
    let released = 0;
    function* source(data: Uint8Array): Generator<Uint8Array> {
      try {
        yield data;
        yield data;
      } finally {
        released++;
      }
    }
    for await (const _ of decompress(source(gzipSync(bytes)))) break;
    for await (const _ of decompress(source(bytes))) break;
    await expect(collect(decompress(source(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd))))).rejects.toThrow();
    expect(released).toBe(3);
  });
});
