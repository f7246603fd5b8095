import { execFileSync } from "node:child_process";
import type { Page, Worker } from "playwright";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/temporary.ts";
import { type StorePages, storePages } from "./support/pages.ts";

const NAME = "closing";

/** Writes blobs one after the other and two at a time until its page ends. */
async function begin(place: Page | Worker, round: number): Promise<void> {
  const write = async ({ name, round }: { readonly name: string; readonly round: number }): Promise<void> => {
    const { content } = await slipway.openIndexedDB(name);
    const writeOne = async (lane: number): Promise<never> => {
      for (let count = 0; ; count++) {
        const seed = round * 100 + lane * 50 + count;
        await slipway.put(content, seed, [100_000, 5_000_000, 9_000_001][count % 3] ?? 0, `${seed}`);
      }
    };
    for (const lane of [0, 1]) writeOne(lane).catch(() => undefined);
  };
  const argument = { name: NAME, round };
  await ("workers" in place ? place.evaluate(write, argument) : place.evaluate(write, argument));
}

/** What a page that opens the store afterwards finds: everything whole; and it goes on with what was begun. */
async function check(page: Page): Promise<{ readonly blobs: number; readonly resumed: number }> {
  return await page.evaluate(async (name) => {
    const { content } = await slipway.openIndexedDB(name);
    const before = await slipway.orphans(name);
    if (before.length > 0) throw new Error(`parts of nothing: ${before}`);
    const begun = await slipway.all(content.statuses());
    for (const { ref, offset, total = 0, expected } of begun) {
      const bytes = slipway.sampleBytes(Number(ref), total);
      const there = await content.writer({ ref });
      if (there.digest() !== slipway.digestOf(bytes.subarray(0, offset))) throw new Error(`${ref} has other bytes`);
      await there.close();
      const digest = await slipway.put(content, Number(ref), total, ref);
      if (digest !== expected) throw new Error(`${ref} became another blob`);
    }
    const left = await slipway.all(content.statuses());
    if (left.length > 0) throw new Error(`ingests that are left: ${JSON.stringify(left)}`);
    const blobs = await slipway.verifyAll(content);
    return { blobs: blobs.length, resumed: begun.filter(({ offset }) => offset > 0).length };
  }, NAME);
}

/** Times in milliseconds, spread over what a few blobs take. The seed is in the names of the tests that use it. */
function moments(seed: number, count: number): readonly number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return (state / 2 ** 31) * 400;
  });
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function crash(pages: StorePages, page: Page): Promise<void> {
  const crashed = new Promise((resolve) => page.once("crash", resolve));
  const session = await pages.context.newCDPSession(page);
  session.send("Page.crash").catch(() => undefined);
  await crashed;
}

describe("a page that ends while it writes", () => {
  it.each([
    ["itself", false],
    ["by a worker that has files", true],
  ])(
    "%s, closed or crashed at twenty moments, leaves a whole store whose ingests can be gone on with",
    {
      timeout: 240_000,
    },
    async (_, byWorker) => {
      const pages = await storePages(temporaryDirectory());
      try {
        let resumed = 0;
        let blobs = 0;
        for (const [round, moment] of moments(1, 20).entries()) {
          const page = await pages.open();
          await begin(byWorker ? await pages.openWorker(page) : page, round);
          await pause(moment);
          if (round % 2 === 0) await page.close();
          else await crash(pages, page);
          const checker = await pages.open();
          const found = await check(checker);
          await checker.close();
          resumed += found.resumed;
          expect(found.blobs).toBeGreaterThanOrEqual(blobs);
          blobs = found.blobs;
        }
        expect(blobs).toBeGreaterThan(20);
        expect(resumed).toBeGreaterThan(0);
      } finally {
        await pages.close();
      }
    },
  );

  it("leaves ingests that are thrown away when they are old, but not those that somebody is at", async () => {
    const pages = await storePages(temporaryDirectory());
    try {
      const page = await pages.open();
      const found = await page.evaluate(async (name) => {
        const store = await slipway.openIndexedDB(name);
        for (const ref of ["old", "held", "young"]) {
          const writer = await store.content.writer({ ref });
          await writer.write(slipway.sampleBytes(1, 5_000_000));
          if (ref !== "held") await writer.close();
        }
        for (const ref of ["old", "held"]) {
          const key = ["ingest", ref];
          const record = await slipway.raw<object>(name, "content", (objects) => objects.get(key));
          await slipway.raw(name, "content", (objects) =>
            objects.put({ ...record, touched: Date.now() - 3_600_000 }, key),
          );
        }
        const abandoned = await slipway.all(store.abandonedIngests(1800));
        const again = await slipway.openIndexedDB(name, { staleAfter: 1800 });
        const left = (await slipway.all(again.content.statuses())).map(({ ref }) => ref);
        return { abandoned, left, orphans: await slipway.orphans(name) };
      }, NAME);
      expect(found).toEqual({ abandoned: ["held", "old"], left: ["held", "young"], orphans: [] });
    } finally {
      await pages.close();
    }
  });
});

describe("a browser that is killed while a page writes", () => {
  it("at five moments, leaves a whole store whose ingests can be gone on with", { timeout: 240_000 }, async () => {
    const profile = temporaryDirectory();
    let pages = await storePages(profile);
    const { port } = new URL(pages.origin);
    let blobs = 0;
    try {
      for (const [round, moment] of moments(2, 5).entries()) {
        const page = await pages.open();
        await begin(round % 2 === 0 ? page : await pages.openWorker(page), round);
        await pause(moment);
        const gone = new Promise((resolve) => pages.context.once("close", resolve));
        kill(profile);
        await gone;
        await pages.close();
        pages = await storePages(profile, { port: Number(port) });
        const found = await check(await pages.open());
        expect(found.blobs).toBeGreaterThanOrEqual(blobs);
        blobs = found.blobs;
      }
      expect(blobs).toBeGreaterThan(5);
    } finally {
      await pages.close();
    }
  });
});

/** Kills the browser that has this profile, and its children. */
function kill(profile: string): void {
  const processes = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" }).split("\n");
  const own = processes.filter((line) => line.includes(`--user-data-dir=${profile}`));
  if (own.length === 0) throw new Error(`no browser has ${profile}`);
  for (const line of own) {
    try {
      process.kill(Number.parseInt(line, 10), "SIGKILL");
    } catch {
      // It went with its parent.
    }
  }
}
