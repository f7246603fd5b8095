import { join } from "node:path";
import { type BrowserContext, chromium, type Page, type Worker } from "playwright";
import { bundleModule } from "../../support/bundle.ts";
import { chromiumOptions } from "../../support/chromium.ts";
import { MODULE_PAGE, type PageServer, STRICT_POLICY, servePages } from "../../support/page-server.ts";

declare global {
  /** What the pages of the tests have to offer to functions that are evaluated in them. */
  var slipway: typeof import("./page.ts");
}

/** A browser whose pages have the library, under the strict policy. */
export interface StorePages {
  /** One profile: its pages share their storage. */
  readonly context: BrowserContext;
  readonly origin: string;
  /** Another page. */
  open(): Promise<Page>;
  /** A worker of a page: as it, but it may write files. */
  openWorker(page: Page): Promise<Worker>;
  close(): Promise<void>;
}

/** How {@link storePages} starts. */
export interface StorePagesOptions {
  /** More arguments of the browser. */
  readonly args?: readonly string[];
  /** A port of loopback: with the same one as before the pages find what was stored before. Default: a free one. */
  readonly port?: number;
}

/**
 * Starts Chromium with a profile on disk: what a private window stores is in memory, and obeys other rules.
 * @param profile its directory
 */
export async function storePages(
  profile: string,
  { args = [], port = 0 }: StorePagesOptions = {},
): Promise<StorePages> {
  const server = await servePages(
    {
      "/": MODULE_PAGE,
      "/main.js": {
        type: "text/javascript",
        body: 'import * as slipway from "/page.js"; globalThis.slipway = slipway; document.body.id = "ready";',
      },
      "/worker.js": {
        type: "text/javascript",
        body: 'import * as slipway from "/page.js"; globalThis.slipway = slipway; postMessage("ready");',
      },
      "/page.js": { type: "text/javascript", body: await bundleModule(join(import.meta.dirname, "page.ts")) },
    },
    STRICT_POLICY,
    port,
  );
  const context = await openProfile(profile, args);
  return {
    context,
    origin: server.origin,
    open: () => openPage(context, server),
    openWorker,
    async close() {
      await context.close();
      await server.close();
    },
  };
}

async function openProfile(profile: string, args: readonly string[]): Promise<BrowserContext> {
  const options = await chromiumOptions();
  return await chromium.launchPersistentContext(profile, { ...options, args: [...(options.args ?? []), ...args] });
}

async function openPage(context: BrowserContext, { origin }: PageServer): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  await page.waitForSelector("#ready", { state: "attached" });
  return page;
}

async function openWorker(page: Page): Promise<Worker> {
  const started = page.waitForEvent("worker");
  await page.evaluate(async () => {
    const worker = new Worker("/worker.js", { type: "module" });
    await new Promise((resolve) => {
      worker.onmessage = resolve;
    });
  });
  return await started;
}
