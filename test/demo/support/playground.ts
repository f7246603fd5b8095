import { readdirSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright";
import { build } from "vite";
import { bundleModule } from "../../support/bundle.ts";
import { launchChromium } from "../../support/chromium.ts";
import { type PageRoute, servePages } from "../../support/page-server.ts";
import { temporaryRoot } from "../../support/temporary.ts";

const root = resolve(import.meta.dirname, "../../..");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The playground as it is built, on a server of its own, and a real browser to visit it with. */
export interface Playground {
  readonly browser: Browser;
  readonly origin: string;
  /** The same page from a server that says nothing about a policy. */
  readonly bareOrigin: string;
  /** The built `index.html`. */
  readonly html: string;
  close(): Promise<void>;
}

export async function startPlayground(): Promise<Playground> {
  const directory = temporaryRoot();
  await build({
    root: join(root, "demo/playground"),
    configFile: join(root, "demo/playground/vite.config.ts"),
    logLevel: "error",
    build: { outDir: directory },
  });
  const routes: Record<string, PageRoute> = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const type = TYPES[extname(name)];
    if (type !== undefined) routes[`/${name}`] = { type, body: readFileSync(join(directory, name)) };
  }
  const html = readFileSync(join(directory, "index.html"), "utf8");
  routes["/"] = { type: "text/html; charset=utf-8", body: html };
  routes["/test/inventory.js"] = {
    type: "text/javascript; charset=utf-8",
    body: await bundleModule(join(import.meta.dirname, "inventory.ts")),
  };
  const server = await servePages(routes);
  const bare = await servePages(routes, "");
  const browser = await launchChromium();
  return {
    browser,
    origin: server.origin,
    bareOrigin: bare.origin,
    html,
    async close() {
      await browser.close();
      await server.close();
      await bare.close();
    },
  };
}

/** What a page did that it should not: foreign requests, complaints on its console, violations of its policy. */
export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly wrong: readonly string[];
}

/**
 * Opens the playground in a profile that has never seen it, without WebAssembly and without dialogs for files of its own.
 * @param quota bytes that the browser lets it store
 */
export async function visit({ browser, origin }: Playground, quota?: number): Promise<Visit> {
  const context = await browser.newContext({
    acceptDownloads: true,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const wrong: string[] = [];
  await context.exposeFunction("reportViolation", (text: string) => wrong.push(text));
  await context.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "WebAssembly");
    // No script can answer these dialogs of the browser; other browsers have none.
    Reflect.deleteProperty(globalThis, "showSaveFilePicker");
    Reflect.deleteProperty(globalThis, "showDirectoryPicker");
    document.addEventListener("securitypolicyviolation", (event) => {
      const { reportViolation } = globalThis as unknown as { reportViolation: (text: string) => void };
      reportViolation(`violates ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
    });
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:")) wrong.push(`requests ${url}`);
  });
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") wrong.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => wrong.push(`uncaught: ${error.error().message}`));
  const page = await context.newPage();
  if (quota !== undefined) await setQuota(page, origin, quota);
  await page.goto(origin);
  await ready(page);
  return { context, page, wrong };
}

/** Sets what the browser lets an origin store. A lower one counts from the start only: the browser remembers for a while what it promised. */
export async function setQuota(page: Page, origin: string, quotaSize: number): Promise<void> {
  const client = await page.context().newCDPSession(page);
  await client.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
}

/** Waits until the page shows what is stored. */
export async function ready(page: Page): Promise<void> {
  await page.locator("#main").waitFor({ state: "visible" });
}

/** A file to be dropped. */
export interface DroppedFile {
  readonly name: string;
  readonly content: Uint8Array | string;
}

/** Drops files on the page, as scripts can: without folders. */
export async function dropFiles(page: Page, files: readonly DroppedFile[]): Promise<void> {
  const given = files.map(({ name, content }) => ({ name, base64: Buffer.from(content).toString("base64") }));
  const dataTransfer = await page.evaluateHandle((all) => {
    const data = new DataTransfer();
    for (const { name, base64 } of all) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      data.items.add(new File([bytes], name));
    }
    return data;
  }, given);
  await page.dispatchEvent("main", "drop", { dataTransfer });
}

/** Drops files and folders of this machine on the page, as a hand does. */
export async function dropPaths(page: Page, paths: readonly string[]): Promise<void> {
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: [...paths], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await client.send("Input.dispatchDragEvent", { type, x: 200, y: 300, data });
  }
  await client.detach();
}

/** The line of the file tree at that path. */
export const treeItem = (page: Page, path: string): Locator => page.locator(`[role=treeitem][data-path="${path}"]`);

/** Makes a text file by the button and types its content. */
export async function typeFile(page: Page, path: string, text: string): Promise<void> {
  await page.getByRole("button", { name: "New file…" }).click();
  await page.getByLabel("Path").fill(path);
  await page.getByRole("button", { name: "Create" }).click();
  // It has the focus: who has made a file wants to write into it.
  await page.locator("#file-text:focus").waitFor();
  await page.getByLabel(path, { exact: true }).fill(text);
  await page.getByText("Saved", { exact: true }).waitFor();
}

/** Builds with what is set. @returns the digest that the page shows */
export async function buildImage(page: Page): Promise<string> {
  await page
    .locator("#build")
    .getByRole("button", { name: /uild image$/ })
    .click();
  return (await page.locator("[data-field=digest]").textContent({ timeout: 30_000 })) ?? "";
}

/** Downloads the archive of the image that is shown. @returns its name and where it is */
export async function downloadArchive(page: Page): Promise<{ readonly name: string; readonly path: string }> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download archive" }).click(),
  ]);
  return { name: download.suggestedFilename(), path: await download.path() };
}

/** The blobs and unfinished ingests of the page's database. */
export async function inventoryOf(page: Page): Promise<{ readonly blobs: string[]; readonly ingests: string[] }> {
  // As text: the tests' own bundler would put something else in the place of `import`.
  return await page.evaluate('import("/test/inventory.js").then((module) => module.inventory())');
}
