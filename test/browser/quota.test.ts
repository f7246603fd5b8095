import type { CDPSession, Page } from "playwright";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

let pages: StorePages;
let page: Page;
let session: CDPSession;

// Of its own for each: Chromium remembers for some seconds how much was free.
beforeEach(async () => {
  pages = await storePages(temporaryDirectory());
  page = await pages.open();
  session = await pages.context.newCDPSession(page);
});
afterEach(async () => {
  await pages?.close();
});

async function allow(bytes: number | undefined): Promise<void> {
  await session.send("Storage.overrideQuotaForOrigin", {
    origin: pages.origin,
    ...(bytes === undefined ? {} : { quotaSize: bytes }),
  });
}

describe("storage that is full", () => {
  it("fails a write with what is needed and what is free; the store stays whole and the ingest can be gone on with", async () => {
    const name = "full";
    await allow(12_000_000);
    const kept = await page.evaluate(async (name) => {
      const { content } = await slipway.openIndexedDB(name);
      return await slipway.put(content, 1, 3_000_000);
    }, name);
    const failed = await page.evaluate(async (name) => {
      const { content, images, metadata } = await slipway.openIndexedDB(name);
      const size = 30_000_000;
      const writer = await content.writer({ ref: "r", size });
      const bytes = slipway.sampleBytes(2, size);
      let failure = "nothing";
      for (let at = 0; at < size && failure === "nothing"; at += 1_000_000) {
        failure = await slipway.failureOf(writer.write(bytes.subarray(at, at + 1_000_000)));
      }
      const close = await slipway.failureOf(writer.close());
      const record = await slipway.failureOf(metadata.set("large", slipway.sampleBytes(1, 20_000_000)));
      const { offset } = await content.status("r");
      return {
        failure,
        close,
        record,
        offset,
        images: await images.list(),
        keys: await metadata.keys(""),
        blobs: await slipway.verifyAll(content),
        orphans: await slipway.orphans(name),
      };
    }, name);
    expect(failed.failure).toMatch(
      /^NO_SPACE: Cannot write to ingest r: the browser's storage is full: \d+ bytes more are needed, \d+ of the 12000000 that this origin may use are free; delete something first$/,
    );
    expect(failed.close).toBe("nothing");
    expect(failed.record).toMatch(
      /^NO_SPACE: Cannot write record large: .*: 20000000 bytes more are needed, \d+ of the 12000000/,
    );
    expect(failed.offset).toBeGreaterThan(0);
    expect(failed).toMatchObject({ images: [], keys: [], blobs: [kept], orphans: [] });

    await allow(undefined);
    const done = await page.evaluate(async (name) => {
      const { content } = await slipway.openIndexedDB(name);
      const digest = await slipway.put(content, 2, 30_000_000, "r");
      return {
        digest,
        right: digest === slipway.digestOf(slipway.sampleBytes(2, 30_000_000)),
        blobs: await slipway.verifyAll(content),
      };
    }, name);
    expect(done.right).toBe(true);
    expect(done.blobs).toEqual([kept, done.digest].sort());
  });

  it("lets what was begun be thrown away, which makes room", async () => {
    const name = "room";
    await allow(12_000_000);
    expect(
      await page.evaluate(async (name) => {
        const { content } = await slipway.openIndexedDB(name);
        const failures = [
          await slipway.failureOf(slipway.put(content, 1, 30_000_000, "r")),
          await slipway.failureOf(content.abort("r")),
        ];
        const digest = await slipway.put(content, 2, 6_000_000);
        const blobs = await slipway.verifyAll(content);
        return [failures, blobs.length === 1 && blobs[0] === digest, await slipway.orphans(name)];
      }, name),
    ).toEqual([[expect.stringMatching(/^NO_SPACE: /), "nothing"], true, []]);
  });

  it("makes a commit fail that stores the last bytes; it can be tried again when there is room", async () => {
    const name = "commit";
    await allow(1_000_000);
    await page.evaluate(async (name) => {
      const { content } = await slipway.openIndexedDB(name);
      const writer = await content.writer({ ref: "r" });
      await writer.write(slipway.sampleBytes(1, 1_900_000));
      Object.assign(globalThis, { writer, content });
    }, name);
    const commit = () =>
      page.evaluate(async () => {
        const { writer } = globalThis as unknown as { writer: import("../../src/content/index.ts").ContentWriter };
        return await slipway.failureOf(writer.commit());
      });
    expect(await commit()).toMatch(/^NO_SPACE: Cannot commit blob sha256:[0-9a-f]+: .*: 1900000 bytes more are needed/);
    await allow(undefined);
    expect(await commit()).toBe("nothing");
    expect(
      await page.evaluate(async (name) => {
        const { content } = await slipway.openIndexedDB(name);
        return (await slipway.verifyAll(content)).length;
      }, name),
    ).toBe(1);
  });
});
