import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { build } from "vite";
import { launchChromium } from "../chromium.ts";
import { type PageRoute, servePages } from "../page-server.ts";
import type { ExampleSurroundings } from "./example.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
};

const DIGEST = /sha256:[0-9a-f]{64}/;
const PATIENCE = 30_000;

/**
 * Builds the project's `index.html` with Vite as a reader would, serves that under the strict policy and opens it in Chromium.
 * @returns what the page printed to the console, a line each, and then what it shows
 * @throws Error if something is thrown in the page, if it asks for anything from elsewhere, or if it never says what is waited for
 */
export async function runPage(project: string, { use, until = DIGEST }: ExampleSurroundings): Promise<string> {
  const outDir = join(project, "out-page");
  await build({ root: project, configFile: false, logLevel: "error", build: { outDir, modulePreload: false } });
  const server = await servePages(routesOf(outDir));
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    const printed: string[] = [];
    const failures: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") failures.push(message.text());
      else printed.push(message.text());
    });
    page.on("pageerror", (error) => failures.push(String(error)));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.origin) && !/^(?:blob|data):/.test(url)) failures.push(`the page asks for ${url}`);
    });
    await page.goto(server.origin);
    await use?.(page);
    for (const end = Date.now() + PATIENCE; ; await page.waitForTimeout(20)) {
      if (failures.length > 0) throw new Error(failures.join("\n"));
      const said = [...printed, await page.innerText("body")].join("\n");
      if (until.test(said)) return said;
      if (Date.now() > end) throw new Error(`the page does not say ${until}, but: ${said}`);
    }
  } finally {
    await browser.close();
    await server.close();
  }
}

function routesOf(directory: string): Readonly<Record<string, PageRoute>> {
  const routes: Record<string, PageRoute> = {
    // Browsers ask for it by themselves.
    "/favicon.ico": { type: "image/x-icon", body: "" },
  };
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!statSync(join(directory, name)).isFile()) continue;
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    const route: PageRoute = { type, body: readFileSync(join(directory, name)) };
    routes[`/${name}`] = route;
    if (name === "index.html") routes["/"] = route;
  }
  return routes;
}
