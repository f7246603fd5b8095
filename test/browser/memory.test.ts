import type { CDPSession, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryRoot } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

const MIB = 1024 * 1024;
/** With a gigabyte the peaks are the same. */
const SIZE = 256 * MIB;

let pages: StorePages;
let page: Page;
let session: CDPSession;

beforeAll(async () => {
  pages = await storePages(temporaryRoot());
  page = await pages.open();
  session = await pages.context.newCDPSession(page);
});
afterAll(async () => {
  await pages?.close();
});

/** Most bytes that the page's heap and its buffers had while `work` ran, above what they had before. */
async function peakOf(work: () => Promise<unknown>): Promise<number> {
  const used = async (): Promise<number> => {
    const { usedSize, backingStorageSize } = (await session.send("Runtime.getHeapUsage")) as {
      readonly usedSize: number;
      readonly backingStorageSize: number;
    };
    return usedSize + backingStorageSize;
  };
  await session.send("HeapProfiler.collectGarbage");
  const before = await used();
  let peak = before;
  let running = true;
  const sampling = (async () => {
    while (running) {
      peak = Math.max(peak, await used());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    running = false;
    await sampling;
  }
  return peak - before;
}

describe("a large blob in a page", () => {
  it(`of ${SIZE / MIB} MiB streams in and out through some tens of MiB of memory`, { timeout: 600_000 }, async () => {
    const writing = await peakOf(() =>
      page.evaluate(async (size) => {
        const { content } = await slipway.openIndexedDB("memory");
        const piece = slipway.sampleBytes(1, 1024 * 1024);
        const writer = await content.writer({ ref: "r" });
        for (let at = 0; at < size; at += piece.byteLength) {
          piece[0] = at / piece.byteLength;
          await writer.write(piece);
        }
        await writer.commit();
      }, SIZE),
    );
    const reading = await peakOf(() =>
      page.evaluate(async () => {
        const { content } = await slipway.openIndexedDB("memory");
        for await (const blob of content.list()) {
          for await (const _ of slipway.readBlob(content, blob));
        }
      }),
    );
    expect(writing).toBeLessThan(64 * MIB);
    // Of what was read the engine collects some tens of MiB at once.
    expect(reading).toBeLessThan(128 * MIB);
  });
});
