import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Browser, firefox, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { addDirectory } from "../../src/node/index.ts";
import { treeAfter } from "../frontend/sources/support.ts";
import { bundleModule } from "../support/bundle.ts";
import { launchChromium } from "../support/chromium.ts";
import { MODULE_PAGE, type PageServer, servePages } from "../support/page-server.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { hasTool, itIf, itWith, toolPath } from "../support/tools.ts";
import type { PageApi, PageOptions, PageOutcome } from "./sources/page.ts";

const TIMEOUT = 60_000;
let server: PageServer;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  server = await servePages({
    "/": MODULE_PAGE,
    "/main.js": { type: "text/javascript", body: await bundleModule(join(import.meta.dirname, "sources/page.ts")) },
  });
  browser = await launchChromium();
}, TIMEOUT);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

beforeEach(async () => {
  page = await openPage(browser);
});

afterEach(async () => {
  await page.context().close();
});

async function openPage(of: Browser): Promise<Page> {
  const context = await of.newContext();
  const opened = await context.newPage();
  await opened.goto(`${server.origin}/`);
  await opened.waitForFunction(() => "sources" in globalThis);
  await opened.evaluate(() => {
    const add = (id: string, folder: boolean): void => {
      const input = document.createElement("input");
      input.type = "file";
      input.id = id;
      input.multiple = true;
      input.webkitdirectory = folder;
      document.body.append(input);
    };
    add("folder", true);
    add("files", false);
  });
  return opened;
}

/** Calls a function of the page's. */
async function call<Name extends keyof PageApi>(
  name: Name,
  ...args: Parameters<PageApi[Name]>
): Promise<Awaited<ReturnType<PageApi[Name]>>> {
  return (await page.evaluate(
    ([method, values]) => {
      const api = (globalThis as unknown as { sources: Record<string, (...of: readonly unknown[]) => unknown> })
        .sources;
      return api[method as string]?.(...(values as readonly unknown[]));
    },
    [name, args] as const,
  )) as Awaited<ReturnType<PageApi[Name]>>;
}

/** A folder `site` with these files, all 0644. */
function folder(files: Readonly<Record<string, string>>): string {
  const top = join(realpathSync(temporaryDirectory()), "site");
  mkdirSync(top);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(join(top, path), text, { mode: 0o644 });
    else mkdirSync(join(top, path));
  }
  return top;
}

const FILES: Readonly<Record<string, string>> = {
  "index.html": "<p>hi",
  "css/a.css": "a {}",
  "css/deep/er/b.css": "b {}",
  "a-b": "order",
  "a/b": "order",
  "Ünï cödé \u{1f600}": "name",
  "large.bin": "0123456789abcdef".repeat(20_000),
  empty: "",
  constructor: "a name of JavaScript's",
};

const digestOf = async (directory: string, options: Parameters<typeof addDirectory>[2] = {}): Promise<string> =>
  (await treeAfter((work) => addDirectory(work, directory, { xattrs: false, ...options }))).root.digest;

/** Drops real files and folders, as from a file manager. */
async function drop(paths: readonly string[], options: PageOptions = {}): Promise<PageOutcome> {
  await call("expectDrop", options);
  await dragIn(paths);
  return await call("dropped");
}

async function dragIn(paths: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    const data = { items: [], files: [...paths], dragOperationsMask: 1 };
    await session.send("Input.dispatchDragEvent", { type, x: 20, y: 20, data });
  }
}

describe("files of an input", { timeout: TIMEOUT }, () => {
  it("give the tree of the folder that was chosen, by reference", async () => {
    const top = folder(FILES);
    await page.setInputFiles("#folder", top);
    const outcome = await call("input", "#folder", { stripFolder: true });
    expect(outcome).toMatchObject({ digest: await digestOf(top), copied: 0 });
    const size = Object.values(FILES).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(outcome.added).toEqual({ entries: Object.keys(FILES).length + 4, size });
  });

  it("keep the folder's name unless it is to be stripped, and come where it is wished", async () => {
    const top = folder({ "a/b": "x", c: "y" });
    await page.setInputFiles("#folder", top);
    const { paths } = await call("input", "#folder", { dest: "/srv" });
    expect(paths?.slice(-5)).toEqual(["/srv", "/srv/site", "/srv/site/a", "/srv/site/a/b", "/srv/site/c"]);
  });

  it("have the modes that the page says, and times on request", async () => {
    const top = folder({ "bin/run": "x", data: "y" });
    for (const path of ["bin/run", "data"]) utimesSync(join(top, path), 1_600_000_000.9, 1_600_000_000.9);
    execFileSync("chmod", ["755", join(top, "bin/run")]);
    utimesSync(join(top, "bin"), 0, 0);
    await page.setInputFiles("#folder", top);
    const options = { stripFolder: true, preserveMtime: true, executables: ["bin/run"] };
    expect((await call("input", "#folder", options)).digest).toBe(await digestOf(top, { preserveMtime: true }));
    const limited = { ...options, sourceDateEpoch: 5 };
    expect((await call("input", "#folder", limited)).digest).toBe(
      await digestOf(top, { preserveMtime: true, sourceDateEpoch: 5 }),
    );
  });

  it("can be left out, and end with the reason of an abort", async () => {
    await page.setInputFiles("#folder", folder(FILES));
    const options = { stripFolder: true, without: ["css", "a-b", "a", "large.bin", "constructor"] };
    const { paths } = await call("input", "#folder", options);
    expect(paths).toEqual(expect.arrayContaining(["/empty", "/index.html", "/Ünï cödé \u{1f600}"]));
    expect(paths?.filter((path) => path !== "/" && path !== "")).toHaveLength(3);
    expect(await call("input", "#folder", { abort: true })).toEqual({ code: "none", message: "enough" });
  });

  it("are refused for names that an image cannot hold, and for two of one name", async () => {
    const top = folder({ "d/.wh.x": "x" });
    await page.setInputFiles("#folder", top);
    expect(await call("input", "#folder")).toMatchObject({
      code: "INVALID_PATH",
      message: expect.stringContaining("site/d/.wh.x"),
    });
    await page.setInputFiles("#files", [join(folder({ f: "1" }), "f"), join(folder({ f: "2" }), "f")]);
    expect(await call("input", "#files")).toMatchObject({
      code: "ALREADY_EXISTS",
      message: expect.stringContaining("f"),
    });
  });

  it("name the file that changed or vanished after it was chosen", async () => {
    const top = folder({ "a/kept": "x", "a/z": "content" });
    await page.setInputFiles("#folder", top);
    await call("input", "#folder", {}, true);
    appendFileSync(join(top, "a/z"), "more");
    utimesSync(join(top, "a/z"), 5, 5);
    expect(await call("input", "#folder", {}, true)).toMatchObject({
      code: "IO",
      message: expect.stringMatching(/^Cannot read site\/a\/z: it changed/),
    });
    rmSync(join(top, "a/z"));
    const gone = await call("input", "#folder", {}, true);
    expect(gone).toMatchObject({ message: expect.stringContaining("Cannot read site/a/z: it") });
    expect(["IO", "NOT_FOUND"]).toContain(gone.code);
  });

  it("are read when the layer is made, and name the file that changed until then", async () => {
    const top = folder({ f: "content", g: "x".repeat(200_000) });
    await page.setInputFiles("#folder", top);
    await call("input", "#folder");
    expect(await call("read", "/site/g")).toEqual({ size: 200_000 });
    for (const name of ["f", "g"]) {
      appendFileSync(join(top, name), "more");
      utimesSync(join(top, name), 5, 5);
      expect(await call("read", `/site/${name}`)).toMatchObject({
        code: "IO",
        message: expect.stringMatching(new RegExp(`^Cannot read site/${name}: it changed`)),
      });
    }
  });
});

const interfaces = [
  ["handles", ["webkitGetAsEntry"]],
  ["entries", ["getAsFileSystemHandle"]],
] as const;

describe("what is dropped", { timeout: TIMEOUT }, () => {
  for (const [name, forgotten] of interfaces) {
    it(`as ${name}, is the tree of the folder, empty folders too, by reference`, async () => {
      await call("forget", forgotten);
      const top = folder({ ...FILES, "nothing/": "", "deep/nothing/": "" });
      expect(await drop([top], { stripFolder: true })).toMatchObject({ digest: await digestOf(top), copied: 0 });
      const { paths } = await drop([top]);
      expect(paths).toContain("/site/deep/nothing");
    });

    it(`as ${name}, has all of many files in one folder`, async () => {
      await call("forget", forgotten);
      const top = folder(Object.fromEntries(Array.from({ length: 333 }, (_, i) => [`many/f${i}`, String(i)])));
      const outcome = await drop([top], { stripFolder: true });
      expect(outcome.added?.entries).toBe(334);
      expect(outcome.digest).toBe(await digestOf(top));
    });

    it(`as ${name}, may be several files and folders`, async () => {
      await call("forget", forgotten);
      const top = folder({ "a/b": "x", c: "y", "d/e": "z" });
      const outcome = await drop([join(top, "c"), join(top, "a"), join(top, "d")]);
      expect(outcome.digest).toBe(await digestOf(top));
      const without = await drop([join(top, "c"), join(top, "a"), join(top, "d")], { without: ["a"] });
      expect(without.digest).toBe(await digestOf(top, { filter: (path) => (path === "a" ? "skip-tree" : true) }));
    });

    it(`as ${name}, is refused for names that an image cannot hold`, async () => {
      await call("forget", forgotten);
      expect(await drop([folder({ "d/.wh.x": "x" })])).toMatchObject({
        code: "INVALID_PATH",
        message: expect.stringContaining("site/d/.wh.x"),
      });
    });
  }

  it("is read as plain files where the engine has nothing else, or a script made them", async () => {
    const top = folder({ a: "x", b: "y" });
    for (const forgotten of [[], ["getAsFileSystemHandle", "webkitGetAsEntry"]] as const) {
      await call("forget", forgotten);
      await call("expectDrop");
      await call("dropMade", [
        ["b", "y"],
        ["a", "x"],
      ]);
      expect(await call("dropped")).toMatchObject({ digest: await digestOf(top), added: { entries: 2, size: 2 } });
      expect((await drop([join(top, "a"), join(top, "b")])).digest).toBe(await digestOf(top));
    }
  });

  it("can be taken in the event and added later, more than once", async () => {
    const top = folder(FILES);
    const taken = call("taken", [{ stripFolder: true }, { dest: "/srv" }]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await dragIn([top]);
    const [stripped, whole] = await taken;
    expect(stripped).toMatchObject({ digest: await digestOf(top) });
    expect(whole?.paths?.slice(0, 3)).toEqual(["/", "/srv", "/srv/site"]);
  });

  it("is an error if there is no file in it, or it is taken after the event", async () => {
    await call("expectDrop");
    await call("dropMade", []);
    expect(await call("dropped")).toMatchObject({ code: "INVALID_ARGUMENT" });
    const late = call("late");
    await new Promise((resolve) => setTimeout(resolve, 200));
    await dragIn([folder({ a: "x" })]);
    expect(await late).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("before anything is awaited"),
    });
  });
});

describe("a directory handle", { timeout: TIMEOUT }, () => {
  it("gives the tree of the same directory on disk", async () => {
    const files = { ...FILES, "nothing/": "" };
    const outcome = await call("ownFiles", Object.entries(files));
    expect(outcome).toMatchObject({ digest: await digestOf(folder(files)), copied: 0 });
  });

  it("skips what is left out, and ends with the reason of an abort", async () => {
    const { paths } = await call("ownFiles", Object.entries(FILES), { without: ["css"], dest: "/srv" });
    expect(paths).toContain("/srv/index.html");
    expect(paths?.filter((path) => path.includes("css"))).toEqual([]);
    expect(await call("ownFiles", Object.entries(FILES), { abort: true })).toEqual({ code: "none", message: "enough" });
  });
});

describe("an archive that was chosen", { timeout: TIMEOUT }, () => {
  itWith(["tar", "zip"], "gives the tree of the folder that it was made of", async () => {
    const top = folder(FILES);
    const out = realpathSync(temporaryDirectory());
    execFileSync("tar", ["-czf", join(out, "site.bin"), "-C", top, "."]);
    execFileSync("zip", ["-qr", join(out, "site.zip"), "."], { cwd: top });
    for (const name of ["site.bin", "site.zip"]) {
      await page.setInputFiles("#files", join(out, name));
      expect(await call("archive", "#files")).toMatchObject({ digest: await digestOf(top) });
    }
  });
});

describe("Firefox", { timeout: TIMEOUT }, () => {
  itIf(hasTool("firefox-esr") ? undefined : "firefox-esr", "gives the same trees", async () => {
    const top = folder(FILES);
    const home = temporaryDirectory();
    const fox = await firefox.launch({
      executablePath: toolPath("firefox-esr") ?? "",
      channel: "moz-firefox",
      env: { PATH: process.env.PATH ?? "", HOME: home },
    });
    const chromium = page;
    try {
      page = await openPage(fox);
      await page.setInputFiles("#files", [join(top, "index.html"), join(top, "large.bin"), join(top, "a-b")]);
      const filter = (path: string) => ["index.html", "large.bin", "a-b"].includes(path);
      expect(await call("input", "#files")).toMatchObject({ digest: await digestOf(top, { filter }), copied: 0 });
      expect(await call("ownFiles", Object.entries(FILES))).toMatchObject({ digest: await digestOf(top) });
      await call("expectDrop");
      await call("dropMade", Object.entries({ "a-b": FILES["a-b"] ?? "" }));
      expect(await call("dropped")).toMatchObject({
        digest: await digestOf(top, { filter: (path) => path === basename("a-b") }),
      });
    } finally {
      page = chromium;
      await fox.close();
    }
  });
});
