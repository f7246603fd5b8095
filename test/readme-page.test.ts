import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { readArchive } from "../src/archive/index.ts";
import { createMemoryContentStore } from "../src/content/index.ts";
import { bundleModule } from "./support/bundle.ts";
import { launchChromium } from "./support/chromium.ts";
import { MODULE_PAGE, servePages } from "./support/page-server.ts";
import { itIf } from "./support/tools.ts";

const root = resolve(import.meta.dirname, "..");
const [, example] = /```js page\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];

describe("the README's example for a page", () => {
  // Inside of the project, so that `slipway` resolves to the package itself, as it does for a user.
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(root, "out-readme-page-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  itIf(
    example === undefined ? "a page example in README.md" : undefined,
    "runs as it is printed, again and again",
    async () => {
      const entry = join(directory, "main.js");
      writeFileSync(entry, example ?? "");
      const script = await bundleModule(entry);
      const server = await servePages({ "/": MODULE_PAGE, "/main.js": { type: "text/javascript", body: script } });
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        const said: string[] = [];
        page.on("console", (message) => said.push(message.text()));
        page.on("pageerror", (error) => said.push(error.message));
        for (const visit of [1, 2]) {
          const [download] = await Promise.all([page.waitForEvent("download"), page.goto(server.origin)]);
          expect(download.suggestedFilename()).toBe("hello.tar");
          await expect.poll(() => said.length).toBe(visit);
          const archive = createReadStream(await download.path());
          const [image] = await readArchive(archive, createMemoryContentStore());
          expect(image?.names).toEqual(["docker.io/demo/hello:1"]);
          expect(said.at(-1)).toBe(image?.descriptor.digest);
        }
      } finally {
        await browser.close();
        await server.close();
      }
    },
  );
});
