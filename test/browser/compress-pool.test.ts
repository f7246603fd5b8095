import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Browser } from "playwright";
import { rolldown } from "rolldown";
import { build, createServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { installedPackage, packedTarball } from "../support/packed.ts";
import { type PageRoute, servePages } from "../support/page-server.ts";

/** What a page does with a pool: what came of it, its warnings, and whether a worker's script was loaded. */
const pageScript = (options: string): string => `
import { gzip } from "slipway/compress";
import { createCompressPool } from "slipway/browser";
const warnings = [];
const pool = createCompressPool({ workers: 2, onWarning: (message) => warnings.push(message)${options} });
let size = 0;
for await (const part of gzip(new Uint8Array(5_000_000), { pool })) size += part.byteLength;
document.title = JSON.stringify({ small: size < 50_000, warnings });
`;

const PAGE = '<!doctype html><html lang="en"><title>App</title><script type="module" src="./main.js"></script></html>';

let browser: Browser;
let project: string;
beforeAll(async () => {
  project = await installedPackage(await packedTarball());
  writeFileSync(join(project, "index.html"), PAGE);
  writeFileSync(join(project, "main.js"), pageScript(""));
  browser = await launchChromium();
});
afterAll(() => browser?.close());

interface Visited {
  readonly outcome: unknown;
  /** Workers that the page had at some time. */
  readonly workers: number;
}

async function visit(address: string): Promise<Visited> {
  const page = await browser.newPage();
  try {
    let workers = 0;
    page.on("worker", () => workers++);
    await page.goto(address);
    await expect.poll(() => page.title()).toContain("{");
    return { outcome: JSON.parse(await page.title()), workers };
  } finally {
    await page.close();
  }
}

/** Serves a folder under the strict policy. */
async function visitFolder(folder: string): Promise<Visited> {
  const routes: Record<string, PageRoute> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const type = { ".js": "text/javascript", ".html": "text/html; charset=utf-8" }[extname(name)];
    if (type !== undefined) routes[`/${name}`] = { type, body: readFileSync(join(folder, name)) };
  }
  const server = await servePages(routes);
  try {
    return await visit(`${server.origin}/index.html`);
  } finally {
    await server.close();
  }
}

const compressed = { outcome: { small: true, warnings: [] }, workers: 2 };

describe("the pool of an installed package compresses in workers", () => {
  it("as Vite builds it, under a strict policy", async () => {
    const outDir = join(project, "built");
    await build({ root: project, configFile: false, logLevel: "error", build: { outDir, assetsInlineLimit: 0 } });
    expect(await visitFolder(outDir)).toEqual(compressed);
  });

  it("as Vite serves it while one develops", async () => {
    const server = await createServer({
      root: project,
      configFile: false,
      logLevel: "error",
      server: { host: "127.0.0.1", port: 0, fs: { strict: false }, hmr: false },
    });
    try {
      await server.listen();
      expect(await visit(server.resolvedUrls?.local[0] ?? "")).toEqual(compressed);
    } finally {
      await server.close();
    }
  });

  it("as a bundler that does not know of workers does, if the page brings the worker's script", async () => {
    const folder = join(project, "bundled");
    mkdirSync(folder);
    writeFileSync(join(project, "own.js"), pageScript(', worker: () => new Worker("/worker.js", { type: "module" })'));
    writeFileSync(
      join(project, "worker.js"),
      'import { runCompressWorker } from "slipway/browser"; runCompressWorker();',
    );
    for (const [input, name] of [
      ["own.js", "main.js"],
      ["worker.js", "worker.js"],
    ] as const) {
      const bundle = await rolldown({ input: join(project, input), platform: "browser" });
      await bundle.write({ file: join(folder, name), codeSplitting: false });
      await bundle.close();
    }
    writeFileSync(join(folder, "index.html"), PAGE);
    expect(await visitFolder(folder)).toEqual(compressed);
  });

  it("and in its own thread if it does not, and says so", async () => {
    const folder = join(project, "without");
    mkdirSync(folder);
    const bundle = await rolldown({ input: join(project, "main.js"), platform: "browser" });
    await bundle.write({ file: join(folder, "main.js"), codeSplitting: false });
    await bundle.close();
    writeFileSync(join(folder, "index.html"), PAGE);
    const { outcome } = await visitFolder(folder);
    expect(outcome).toEqual({
      small: true,
      warnings: [expect.stringMatching(/^No worker can be started .*: its script cannot be loaded/)],
    });
  });
});
