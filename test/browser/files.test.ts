import type { Page, Worker } from "playwright";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

let pages: StorePages;
let page: Page;
let worker: Worker;

beforeEach(async () => {
  pages = await storePages(temporaryDirectory());
  page = await pages.open();
  worker = await pages.openWorker(page);
});
afterEach(async () => {
  await pages?.close();
});

describe("a store in a worker", () => {
  it("keeps large blobs in files, small ones in the database, and pages read both", async () => {
    const digests = await worker.evaluate(async () => {
      const { content } = await slipway.openIndexedDB("both");
      return [await slipway.put(content, 1, 9_000_001), await slipway.put(content, 2, 2000)].sort();
    });
    const found = await page.evaluate(async () => {
      const { content } = await slipway.openIndexedDB("both");
      const [digest] = await slipway.verifyAll(content);
      const large = slipway.digestOf(slipway.sampleBytes(1, 9_000_001));
      const part = await slipway.bytesOf(content.open(large, { offset: 4_194_300, length: 10 }));
      return {
        all: await slipway.verifyAll(content),
        files: (await slipway.fileNames("both")).length,
        part:
          slipway.digestOf(part) === slipway.digestOf(slipway.sampleBytes(1, 9_000_001).subarray(4_194_300, 4_194_310)),
        first: digest !== undefined,
      };
    });
    expect(found).toEqual({ all: digests, files: 1, part: true, first: true });
  });

  it("removes a blob's file with the blob, an ingest's with the ingest, and all with the database", async () => {
    expect(
      await worker.evaluate(async () => {
        const { content } = await slipway.openIndexedDB("removed");
        const counts: number[] = [];
        const count = async (): Promise<void> => {
          counts.push((await slipway.fileNames("removed")).length);
        };
        const digest = await slipway.put(content, 1, 9_000_000);
        await slipway.put(content, 2, 9_000_000);
        const writer = await content.writer({ ref: "r" });
        await writer.write(slipway.sampleBytes(3, 9_000_000));
        await writer.close();
        await count();
        await content.delete(digest);
        await count();
        await content.abort("r");
        await count();
        // A second of the same is given up when it is whole.
        const again = await content.writer({ ref: "again" });
        await again.write(slipway.sampleBytes(2, 9_000_000));
        const failure = await slipway.failureOf(again.commit());
        await count();
        await slipway.deleteIndexedDB("removed");
        await count();
        return [counts, failure.split(":")[0]];
      }),
    ).toEqual([[3, 2, 1, 1, 0], "ALREADY_EXISTS"]);
  });

  it("sweeps away files of nothing when it opens, of this database only", async () => {
    expect(
      await worker.evaluate(async () => {
        for (const name of ["swept", "other"]) {
          const store = await slipway.openIndexedDB(name);
          await slipway.put(store.content, 1, 9_000_000);
          await store.close();
        }
        for (const name of ["swept", "other"]) {
          await slipway.raw(name, "content", (store) => store.delete(IDBKeyRange.bound(["blob"], ["blob", []])));
        }
        await slipway.openIndexedDB("swept");
        return [await slipway.fileNames("swept"), (await slipway.fileNames("other")).length];
      }),
    ).toEqual([[], 1]);
  });

  it("goes on in the database where a page goes on with what a worker began, and the other way round", async () => {
    const write = async ([ref, from, to]: readonly [string, number, number]): Promise<number> => {
      const { content } = await slipway.openIndexedDB("handed on");
      const writer = await content.writer({ ref });
      const { offset } = writer.status();
      await writer.write(slipway.sampleBytes(ref.length, 12_000_000).subarray(from, to));
      await (to === 12_000_000 ? writer.commit() : writer.close());
      return offset;
    };
    const offsets: number[] = [];
    offsets.push(await worker.evaluate(write, ["a", 0, 5_000_000] as const));
    offsets.push(await page.evaluate(write, ["a", 5_000_000, 12_000_000] as const));
    offsets.push(await page.evaluate(write, ["bb", 0, 5_000_000] as const));
    offsets.push(await worker.evaluate(write, ["bb", 5_000_000, 12_000_000] as const));
    // From a file to the database, cut back within the file, and on in the file again.
    offsets.push(await worker.evaluate(write, ["ccc", 0, 5_000_000] as const));
    offsets.push(await page.evaluate(write, ["ccc", 5_000_000, 9_000_000] as const));
    await worker.evaluate(async () => {
      const { content } = await slipway.openIndexedDB("handed on");
      const writer = await content.writer({ ref: "ccc" });
      await writer.truncate(7_000_000);
      if (writer.digest() !== slipway.digestOf(slipway.sampleBytes(3, 12_000_000).subarray(0, 7_000_000))) {
        throw new Error("other bytes after the cut in the database");
      }
      await writer.truncate(3_000_000);
      if (writer.digest() !== slipway.digestOf(slipway.sampleBytes(3, 12_000_000).subarray(0, 3_000_000))) {
        throw new Error("other bytes after the cut in the file");
      }
      await writer.close();
    });
    offsets.push(await worker.evaluate(write, ["ccc", 3_000_000, 12_000_000] as const));
    expect(offsets).toEqual([0, 5_000_000, 0, 5_000_000, 0, 5_000_000, 3_000_000]);
    const found = await page.evaluate(async () => {
      const { content } = await slipway.openIndexedDB("handed on");
      const wanted = [1, 2, 3].map((seed) => slipway.digestOf(slipway.sampleBytes(seed, 12_000_000))).sort();
      return [wanted, await slipway.verifyAll(content), await slipway.orphans("handed on")];
    });
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual([]);
  });

  it("keeps a writer that lost its ref away from the file of the one who took it over", async () => {
    const found = await worker.evaluate(async () => {
      const name = "taken over";
      const bytes = slipway.sampleBytes(1, 12_000_000);
      const first = await slipway.openIndexedDB(name, { webLocks: false });
      const second = await slipway.openIndexedDB(name, { webLocks: false });
      const expire = () =>
        slipway.raw(name, "slipway", (store) => store.put({ owner: "nobody", until: 0 }, "lock/ingest:r"));
      const failures: string[] = [];
      const sleeper = await first.content.writer({ ref: "r" });
      await sleeper.write(bytes.subarray(0, 5_000_000));
      await expire();
      const writer = await second.content.writer({ ref: "r" });
      const { offset } = writer.status();
      // The sleeper has the file open: as long as it lives nobody else writes to it.
      failures.push(await slipway.failureOf(writer.write(bytes.subarray(offset))));
      failures.push(await slipway.failureOf(sleeper.write(bytes.subarray(0, 5_000_000))));
      await sleeper.close();
      await writer.close();
      const last = await second.content.writer({ ref: "r" });
      const at = last.status().offset;
      await last.write(bytes.subarray(at, 10_000_000));
      await last.truncate(2_000_000);
      // This one has it not, and wakes up when the other is done with it.
      await expire();
      const successor = await first.content.writer({ ref: "r" });
      await successor.write(bytes.subarray(successor.status().offset));
      const { digest } = await successor.commit();
      failures.push(await slipway.failureOf(last.write(new Uint8Array(5_000_000))));
      return {
        failures: failures.map((failure) => failure.split(":")[0]),
        right: digest === slipway.digestOf(bytes),
        all: (await slipway.verifyAll(first.content)).length,
      };
    });
    expect(found).toEqual({ failures: ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"], right: true, all: 1 });
  });

  it("reports a file that was altered, shortened or removed by hand", async () => {
    expect(
      await worker.evaluate(async () => {
        const name = "altered";
        const results: string[] = [];
        for (const [seed, alter] of ["altered", "shortened", "removed"].entries()) {
          const { content } = await slipway.openIndexedDB(name);
          const digest = await slipway.put(content, seed, 9_000_000);
          const [file = ""] = await slipway.fileNames(name);
          const folder = await slipway.folderOf(name);
          if (alter === "removed") await folder.removeEntry(file);
          else {
            const writable = await (await folder.getFileHandle(file)).createWritable({ keepExistingData: true });
            if (alter === "shortened") await writable.truncate(5_000_000);
            else await writable.write({ type: "write", position: 77, data: new Uint8Array(1) });
            await writable.close();
          }
          const blob = { digest, size: 9_000_000 };
          results.push((await slipway.failureOf(slipway.all(slipway.readBlob(content, blob)))).split(":")[0] ?? "");
          await content.delete(digest);
        }
        return results;
      }),
    ).toEqual(["DIGEST_MISMATCH", "SIZE_MISMATCH", "IO"]);
  });

  it("fails with what is needed when the storage is full, and goes on when it is not", async () => {
    const session = await pages.context.newCDPSession(page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: pages.origin, quotaSize: 12_000_000 });
    const failed = await worker.evaluate(async () => {
      const { content } = await slipway.openIndexedDB("full");
      const failure = await slipway.failureOf(slipway.put(content, 1, 30_000_000, "r"));
      return { failure, offset: (await content.status("r")).offset, orphans: await slipway.orphans("full") };
    });
    expect(failed.failure).toMatch(
      /^NO_SPACE: Cannot write to ingest r: .*: \d+ bytes more are needed, \d+ of the 12000000/,
    );
    expect(failed.offset).toBeGreaterThan(2_000_000);
    expect(failed.orphans).toEqual([]);
    await session.send("Storage.overrideQuotaForOrigin", { origin: pages.origin });
    expect(
      await worker.evaluate(async () => {
        const { content } = await slipway.openIndexedDB("full");
        await slipway.put(content, 1, 30_000_000, "r");
        return (await slipway.verifyAll(content)).length;
      }),
    ).toBe(1);
  });
});
