import type { FileHandle } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { FlushBehind } from "../../src/node/flush-behind.ts";

const MIB = 1024 * 1024;

interface Flush {
  resolve(): void;
  reject(error: Error): void;
}

/** A file whose flushes end when the test says so. */
function fakeFile(): { readonly file: Pick<FileHandle, "sync">; readonly flushes: Flush[] } {
  const flushes: Flush[] = [];
  const sync = (): Promise<void> => new Promise((resolve, reject) => flushes.push({ resolve, reject }));
  return { file: { sync }, flushes };
}

/** Until everything that only waits for promises has gone on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("flushing behind the writer", () => {
  it("begins after each 8 MiB, one flush at a time", async () => {
    const { file, flushes } = fakeFile();
    const flush = new FlushBehind(file);
    flush.wrote(8 * MIB - 1);
    expect(flushes.length).toBe(0);
    flush.wrote(1);
    expect(flushes.length).toBe(1);
    flush.wrote(20 * MIB);
    expect(flushes.length).toBe(1);
    flushes[0]?.resolve();
    await turn();
    flush.wrote(1);
    expect(flushes.length).toBe(2);
  });

  it("ends with a flush of what is left, after the one that is under way", async () => {
    const { file, flushes } = fakeFile();
    const flush = new FlushBehind(file);
    flush.wrote(8 * MIB);
    let ended = false;
    const end = flush.finish().then(() => {
      ended = true;
    });
    await turn();
    expect(flushes.length).toBe(1);
    flushes[0]?.resolve();
    await turn();
    expect([flushes.length, ended]).toEqual([2, false]);
    flushes[1]?.resolve();
    await end;
  });

  it("does not forget a flush that failed before the last one", async () => {
    const { file, flushes } = fakeFile();
    const flush = new FlushBehind(file);
    flush.wrote(8 * MIB);
    flushes[0]?.reject(new Error("no space left"));
    await turn();
    flush.wrote(8 * MIB);
    flushes[1]?.resolve();
    await turn();
    await expect(flush.finish()).rejects.toThrow("no space left");
  });

  it("lets a file be closed whose flush fails", async () => {
    const { file, flushes } = fakeFile();
    const flush = new FlushBehind(file);
    flush.wrote(8 * MIB);
    const settled = flush.settle();
    flushes[0]?.reject(new Error("no space left"));
    await expect(settled).resolves.toBeUndefined();
  });
});
