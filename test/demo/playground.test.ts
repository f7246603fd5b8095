import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { firefox, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { slipway } from "../cli/support/slipway.ts";
import { DOCKER_TOOLS, startDocker } from "../interop/support/docker.ts";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { itWith, toolPath } from "../support/tools.ts";
import {
  buildImage,
  downloadArchive,
  dropFiles,
  dropPaths,
  inventoryOf,
  type Playground,
  ready,
  setQuota,
  startPlayground,
  treeItem,
  typeFile,
  type Visit,
  visit,
} from "./support/playground.ts";

let playground: Playground;
let opened: Visit[] = [];

beforeAll(async () => {
  playground = await startPlayground();
});
afterAll(() => playground?.close());
afterEach(async () => {
  const visits = opened;
  opened = [];
  for (const { context } of visits) await context.close();
  expect(visits.flatMap(({ wrong }) => wrong)).toEqual([]);
});

async function open(quota?: number): Promise<Visit> {
  const visited = await visit(playground, quota);
  opened.push(visited);
  return visited;
}

const HELLO = "#!/bin/sh\necho hello from the playground\n";
const BINARY = Uint8Array.from({ length: 300_000 }, (_, index) => (index * index) % 251);

/** The same files as a folder of this machine, for the command line and for the browser's dialogs. */
const folder = join(temporaryRoot(), "site");
mkdirSync(join(folder, "css"), { recursive: true });
writeFileSync(join(folder, "hello.sh"), HELLO);
writeFileSync(join(folder, "data.bin"), BINARY);
writeFileSync(join(folder, "css/a.css"), "p {}\n");

/** Builds on the command line into an archive. @returns the archive, and the digest that it says */
async function buildOnCommandLine(...args: string[]): Promise<{ readonly archive: Buffer; readonly digest: string }> {
  const directory = temporaryDirectory();
  const archive = join(directory, "image.tar");
  const metadata = join(directory, "metadata.json");
  const output = ["-o", `type=docker,dest=${archive}`, "--metadata-file", metadata, "--platform", "linux/amd64"];
  const { status, stderr } = await slipway(["build", ...args, ...output]);
  if (status !== 0) throw new Error(stderr);
  return {
    archive: readFileSync(archive),
    digest: JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"],
  };
}

/** A copy of the folder in which the script can be run, which no file in a browser can say. */
function executableCopy(): string {
  const copy = join(temporaryDirectory(), "copy");
  cpSync(folder, copy, { recursive: true });
  chmodSync(join(copy, "hello.sh"), 0o755);
  return copy;
}

/** Drops a file of random bytes, which nothing makes smaller. */
async function dropRandom(page: Page, name: string, mebibytes: number): Promise<void> {
  await page.evaluate(
    ([file, length]) => {
      const data = new DataTransfer();
      const parts = Array.from({ length }, () => crypto.getRandomValues(new Uint8Array(65_536)));
      data.items.add(new File(parts, file));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    [name, mebibytes * 16] as const,
  );
}

/** Two layers: one that is made at once, and one that takes seconds to be compressed. */
async function commitSmallAndLargeLayer(page: Page): Promise<void> {
  await dropFiles(page, [{ name: "small.txt", content: "small" }]);
  await treeItem(page, "/small.txt").waitFor();
  await page.getByRole("button", { name: "Commit layer" }).click();
  await page.getByText("Layer 1").waitFor();
  await dropRandom(page, "large.bin", 24);
  await treeItem(page, "/large.bin").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Commit layer" }).click();
  await page.getByText("Layer 2").waitFor();
}

/** Begins to build, and waits until the small layer is done and the large one is not. */
async function buildHalf(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Build image" }).click();
  await page.getByText(/layer 1\/2 [0-9a-f]{12}$/).waitFor();
  await page.getByText(/MB of/).first().waitFor();
}

describe("the playground's image", () => {
  it("of dropped files is the command line's, byte for byte", async () => {
    const { page } = await open();
    await dropFiles(page, [
      { name: "hello.sh", content: HELLO },
      { name: "data.bin", content: BINARY },
    ]);
    await treeItem(page, "/hello.sh").click();
    await page.getByLabel("Executable").check();
    await page.getByLabel("Name", { exact: true }).fill("demo/hello:1");
    await page.getByLabel("Entrypoint").fill("/hello.sh --all");
    const digest = await buildImage(page);
    const { name, path } = await downloadArchive(page);

    const directory = temporaryDirectory();
    writeFileSync(join(directory, "hello.sh"), HELLO, { mode: 0o755 });
    writeFileSync(join(directory, "data.bin"), BINARY);
    const expected = await buildOnCommandLine(directory, "-t", "demo/hello:1", "--entrypoint", "/hello.sh --all");
    expect([name, digest]).toEqual(["demo-hello.tar", expected.digest]);
    expect(readFileSync(path).equals(expected.archive)).toBe(true);
    expect(await page.getByText("docker load -i demo-hello.tar").isVisible()).toBe(true);
  });

  it("of a folder that was picked is the command line's", async () => {
    const { page } = await open();
    await page.getByLabel("Folder to add").setInputFiles(folder);
    await treeItem(page, "/site").waitFor();
    const expected = await buildOnCommandLine(folder, "--dest", "/site", "-t", "hello");
    expect(await buildImage(page)).toBe(expected.digest);
  });

  it("of a folder that was dropped is the command line's", async () => {
    const { page } = await open();
    await dropPaths(page, [folder]);
    await treeItem(page, "/site").waitFor();
    const expected = await buildOnCommandLine(folder, "--dest", "/site", "-t", "hello");
    expect(await buildImage(page)).toBe(expected.digest);
  });

  for (const [kind, program, args] of [
    ["tar", "tar", ["-cf", "ARCHIVE", "."]],
    ["tar.gz", "tar", ["-czf", "ARCHIVE", "."]],
    ["zip", "python3", ["-m", "zipfile", "-c", "ARCHIVE", "hello.sh", "data.bin", "css"]],
  ] as const) {
    itWith([program], `of a ${kind} that was dropped and unpacked is the command line's`, async () => {
      const copy = executableCopy();
      const archive = join(temporaryDirectory(), `site.${kind}`);
      const filled = args.map((argument) => (argument === "ARCHIVE" ? archive : argument));
      execFileSync(program, filled, { cwd: copy });
      const { page } = await open();
      await dropPaths(page, [archive]);
      await page.getByRole("button", { name: "Unpack" }).click();
      await treeItem(page, "/hello.sh").waitFor();
      const expected = await buildOnCommandLine(copy, "-t", "hello");
      expect(await buildImage(page)).toBe(expected.digest);
    });
  }

  it("of an archive that was dropped can have it as a file", async () => {
    const archive = join(temporaryDirectory(), "site.tar");
    execFileSync("tar", ["-cf", archive, "-C", folder, "."]);
    const { page } = await open();
    await dropPaths(page, [archive]);
    await page.getByRole("button", { name: "Add as a file" }).click();
    await treeItem(page, "/site.tar").waitFor();
    const expected = await buildOnCommandLine(dirname(archive), "-t", "hello");
    expect(await buildImage(page)).toBe(expected.digest);
  });

  it("of two layers is what the command line makes of one on the other", async () => {
    const { page } = await open();
    await page.getByLabel("Folder to add").setInputFiles(folder);
    await treeItem(page, "/site").waitFor();
    await page.getByRole("button", { name: "Commit layer" }).click();
    await page.getByText("Layer 1").waitFor();
    await typeFile(page, "/etc/motd", "typed\nby hand\n");
    await page.getByRole("button", { name: "Commit layer" }).click();
    await page.getByText("Layer 2").waitFor();
    await page.getByLabel("Environment").fill("A=1\nB=x=y");
    await page.getByLabel("Ports").fill("80, 53/udp");
    const digest = await buildImage(page);

    const directory = temporaryDirectory();
    const layout = `${directory}/layout`;
    const first = ["build", folder, "--dest", "/site", "-t", "first", "--platform", "linux/amd64"];
    expect((await slipway([...first, "-o", `type=oci,tar=false,dest=${layout}`])).status).toBe(0);
    mkdirSync(join(directory, "second/etc"), { recursive: true });
    writeFileSync(join(directory, "second/etc/motd"), "typed\nby hand\n");
    const config = ["--env", "A=1", "--env", "B=x=y", "--expose", "80", "--expose", "53/udp"];
    const expected = await buildOnCommandLine(
      join(directory, "second"),
      ...["--from", `oci:${layout}`, "-t", "hello", ...config],
    );
    expect(digest).toBe(expected.digest);
    expect(await page.locator("#build table tbody tr").count()).toBe(2);
  });

  it("for several platforms is an index", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await page.getByLabel("Platforms").fill("linux/amd64, linux/arm64");
    await buildImage(page);
    await page.locator("#build summary", { hasText: "Index" }).click();
    expect(await page.getByRole("group", { name: "Index" }).textContent()).toContain('"architecture": "arm64"');
  });

  itWith(
    ["firefox-esr"],
    "is the same in Firefox",
    async () => {
      // It makes folders in its home.
      const env = { PATH: process.env.PATH ?? "", HOME: temporaryDirectory() };
      const executablePath = toolPath("firefox-esr") ?? "";
      const browser = await firefox.launch({ executablePath, channel: "moz-firefox", env });
      try {
        const page = await browser.newPage();
        await page.goto(playground.origin);
        await ready(page);
        await dropFiles(page, [{ name: "data.bin", content: BINARY }]);
        await treeItem(page, "/data.bin").waitFor();
        const digest = await buildImage(page);
        await page.reload();
        await page.getByRole("button", { name: "Open hello:latest" }).click();
        const directory = temporaryDirectory();
        writeFileSync(join(directory, "data.bin"), BINARY);
        const expected = await buildOnCommandLine(directory, "-t", "hello");
        expect([digest, await page.locator("[data-field=digest]").textContent()]).toEqual([
          expected.digest,
          expected.digest,
        ]);
      } finally {
        await browser.close();
      }
    },
    120_000,
  );

  itWith(
    [...DOCKER_TOOLS, "root", "busybox"],
    "is loaded and run by Docker as the page says",
    async () => {
      const { page } = await open();
      const busybox = readFileSync(toolPath("busybox") ?? "");
      await dropFiles(page, [{ name: "busybox", content: busybox }]);
      await treeItem(page, "/busybox").click();
      await page.getByLabel("Executable").check();
      await page.getByLabel("Name", { exact: true }).fill("demo/busybox:1");
      await page.getByLabel("Entrypoint").fill('["/busybox", "echo", "hello from the playground"]');
      await buildImage(page);
      const { path } = await downloadArchive(page);
      const { docker, stop } = await startDocker(temporaryDirectory());
      try {
        await docker(["load", "-i", path]);
        const { stdout } = await docker(["run", "--rm", "--network", "none", "demo/busybox:1"]);
        expect(stdout).toBe("hello from the playground\n");
      } finally {
        await stop();
      }
    },
    120_000,
  );
});

describe("the playground", () => {
  it("has a policy of its own that lets nothing in from elsewhere", async () => {
    expect(playground.html).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=/);
    const page = await playground.browser.newPage();
    await page.goto(playground.bareOrigin);
    await ready(page);
    const outcomes = await page.evaluate(async (elsewhere) => {
      const blocked: string[] = [];
      document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "globalThis.injected = true";
      document.head.append(script);
      document.body.setAttribute("style", "color: red");
      const image = document.createElement("img");
      image.src = `${elsewhere}/icon.svg`;
      document.body.append(image);
      // Registries are reached by https, or on this machine.
      const fetched = await fetch("http://registry.invalid/v2/").catch(() => "refused");
      const compiled = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).catch(() => "refused");
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { blocked, injected: "injected" in globalThis, fetched, compiled };
    }, playground.origin);
    await page.close();
    expect(outcomes).toMatchObject({ injected: false, fetched: "refused", compiled: "refused" });
    expect(outcomes.blocked).toEqual(
      expect.arrayContaining(["script-src-elem", "style-src-attr", "img-src", "connect-src"]),
    );
  });

  it("has everything again after a reload: files, layers, settings and images", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await page.getByLabel("Name", { exact: true }).fill("kept:1");
    await page.getByLabel("Labels").fill("note=kept");
    const digest = await buildImage(page);
    await typeFile(page, "/later.txt", "not in a layer\n");
    await page.reload();
    await ready(page);
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("kept:1");
    expect(await page.getByLabel("Labels").inputValue()).toBe("note=kept");
    expect(await page.locator(".layer-list summary").allTextContents()).toEqual([
      expect.stringMatching(/^Layer 1\s*1 added/),
      expect.stringMatching(/^Not in a layer yet\s*1 added/),
    ]);
    await treeItem(page, "/later.txt").click();
    expect(await page.getByLabel("/later.txt", { exact: true }).inputValue()).toBe("not in a layer\n");
    await page.getByRole("button", { name: "Open kept:1" }).click();
    expect(await page.locator("[data-field=digest]").textContent()).toBe(digest);
    const { path } = await downloadArchive(page);
    expect(readFileSync(path).includes(digest.slice("sha256:".length))).toBe(true);
  });

  it("forgets what nothing needs when an image is deleted", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await treeItem(page, "/a.txt").waitFor();
    const before = await inventoryOf(page);
    await buildImage(page);
    expect((await inventoryOf(page)).blobs.length).toBe(before.blobs.length + 3);
    await page.getByRole("button", { name: "Delete hello:latest" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).last().click();
    await page.getByText(/hello:latest is deleted; [\d.]+ k?B are free again/).waitFor();
    expect(await inventoryOf(page)).toEqual(before);
    expect(await page.locator("[data-field=digest]").count()).toBe(0);
  });

  it("leaves nothing of a build that was cancelled, and builds again", { timeout: 120_000 }, async () => {
    const { page } = await open();
    await commitSmallAndLargeLayer(page);
    const before = await inventoryOf(page);
    await buildHalf(page);
    expect((await inventoryOf(page)).blobs.length).toBe(before.blobs.length + 1);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("The build was cancelled. Nothing of it stays.").waitFor();
    await expect.poll(() => inventoryOf(page)).toEqual(before);
    expect(await page.locator("#images").textContent()).toContain("None yet");
    expect(await buildImage(page)).toMatch(/^sha256:/);
  });

  it("tidies up after a page that was closed while it built", { timeout: 120_000 }, async () => {
    const { page, context } = await open();
    await commitSmallAndLargeLayer(page);
    const before = await inventoryOf(page);
    await buildHalf(page);
    expect((await inventoryOf(page)).blobs.length).toBe(before.blobs.length + 1);
    await page.close();
    const next = await context.newPage();
    await next.goto(playground.origin);
    await ready(next);
    expect(await inventoryOf(next)).toEqual(before);
    expect(await next.getByText(/^Layer \d$/).count()).toBe(2);
  });

  it("says in words what is wrong with a setting, at once and when building", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await page.getByLabel("Name", { exact: true }).fill("Hello");
    await page.getByText('the repository name "library/Hello" must be lower case').waitFor();
    await page.getByRole("button", { name: "Commit and build image" }).click();
    const message = await page.getByRole("alert").textContent();
    expect(message).toBe(
      'Building the image: Cannot use image name "Hello": the repository name "library/Hello" must be lower case (INVALID_REFERENCE)',
    );
    expect(await page.locator(".layer-list summary").count()).toBe(1);
    await page.getByLabel("Name", { exact: true }).fill("hello");
    await buildImage(page);
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("says that the storage is full, and keeps what is there", async () => {
    const { page } = await open(200_000);
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await treeItem(page, "/a.txt").waitFor();
    await dropFiles(page, [{ name: "data.bin", content: BINARY }]);
    expect(await page.getByRole("alert").textContent()).toMatch(
      /^Adding to \/: Cannot write \/data\.bin: .*storage is full.*\(NO_SPACE\)$/,
    );
    expect(await treeItem(page, "/data.bin").count()).toBe(0);
    await setQuota(page, playground.origin, 100_000_000);
    await dropFiles(page, [{ name: "data.bin", content: BINARY }]);
    await treeItem(page, "/data.bin").waitFor();
    const { blobs, ingests } = await inventoryOf(page);
    expect([blobs.length, ingests]).toEqual([2, []]);
  });

  it("lets one tab at a time write", async () => {
    const { page, context } = await open();
    const second = await context.newPage();
    await second.goto(playground.origin);
    await second.getByText("The playground is open in another tab.").waitFor();
    expect(await second.locator("#main").isVisible()).toBe(false);
    await page.close();
    await ready(second);
    expect(await second.getByText("The playground is open in another tab.").count()).toBe(0);
  });

  it("writes straight into a file where the browser can", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    const digest = await buildImage(page);
    await page.evaluate(() => {
      // A real file handle of the browser's, without the dialog that no script can answer.
      const showSaveFilePicker = async ({ suggestedName }: { suggestedName: string }): Promise<FileSystemFileHandle> =>
        (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
      Object.assign(globalThis, { showSaveFilePicker });
    });
    await page.getByRole("button", { name: "Download archive" }).click();
    await page.getByText("hello.tar is written.").waitFor();
    const written = await page.evaluate(async () => {
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("hello.tar");
      return await (await handle.getFile()).text();
    });
    expect(written).toContain(`blobs/sha256/${digest.slice("sha256:".length)}`);
  });

  it("adds a folder by the browser's own dialog where there is one, empty folders too", async () => {
    const { page } = await open();
    await page.evaluate(async () => {
      const site = await (await navigator.storage.getDirectory()).getDirectoryHandle("site", { create: true });
      await site.getDirectoryHandle("empty", { create: true });
      const file = await (await site.getFileHandle("a.txt", { create: true })).createWritable();
      await file.write("a");
      await file.close();
      Object.assign(globalThis, { showDirectoryPicker: async () => site });
    });
    await page.getByRole("button", { name: "Add folder…" }).click();
    const directory = join(temporaryDirectory(), "site");
    mkdirSync(join(directory, "empty"), { recursive: true });
    writeFileSync(join(directory, "a.txt"), "a");
    await treeItem(page, "/site").waitFor();
    const expected = await buildOnCommandLine(directory, "--dest", "/site", "-t", "hello");
    expect(await buildImage(page)).toBe(expected.digest);
  });

  it("copies the digest", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    const digest = await buildImage(page);
    await page.getByRole("button", { name: "Copy the digest" }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(digest);
  });

  it("deletes everything if that is wanted", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await buildImage(page);
    await page.getByRole("button", { name: "Delete everything…" }).click();
    await Promise.all([
      page.waitForEvent("load"),
      page.getByRole("dialog").getByRole("button", { name: "Delete everything" }).click(),
    ]);
    await ready(page);
    expect(await treeItem(page, "/a.txt").count()).toBe(0);
    expect(await inventoryOf(page)).toEqual({ blobs: [], ingests: [] });
  });
});

describe("the files of the playground", () => {
  it("keep their line ends when they are edited, and are not edited where they would not", async () => {
    const { page } = await open();
    await dropFiles(page, [
      { name: "windows.txt", content: "a\r\nb\r\n" },
      { name: "mixed.txt", content: "a\r\nb\n" },
      { name: "data.bin", content: BINARY },
    ]);
    await treeItem(page, "/windows.txt").click();
    const text = page.getByLabel("/windows.txt", { exact: true });
    await text.fill(`${await text.inputValue()}c\n`);
    await page.getByText("Saved", { exact: true }).waitFor();
    expect(await treeItem(page, "/windows.txt").textContent()).toContain("9 B");
    await treeItem(page, "/mixed.txt").click();
    await page.getByText("Its lines end in different ways").waitFor();
    await treeItem(page, "/data.bin").click();
    await page.getByText("300 kB. Not shown as text: ").waitFor();
  });

  it("are shown as text, whatever their names are", async () => {
    const { page } = await open();
    const name = "<img src=x onerror=alert(1)>.txt";
    await dropFiles(page, [{ name, content: "<script>alert(1)</script>" }]);
    await page.getByRole("treeitem", { name }).click();
    expect(await page.getByRole("textbox", { name: `/${name}` }).inputValue()).toBe("<script>alert(1)</script>");
    expect(await page.locator("main img").count()).toBe(0);
  });

  it("are renamed and deleted, but never replaced by an oversight", async () => {
    const { page } = await open();
    await dropFiles(page, [
      { name: "a.txt", content: "a" },
      { name: "b.txt", content: "b" },
    ]);
    await treeItem(page, "/a.txt").click();
    await page.getByRole("button", { name: "Rename…" }).click();
    await page.getByLabel("New path").fill("/b.txt");
    await page.getByRole("button", { name: "Rename", exact: true }).click();
    expect(await page.getByRole("alert").textContent()).toContain("(ALREADY_EXISTS)");
    await page.getByRole("button", { name: "Rename…" }).click();
    await page.getByLabel("New path").fill("/new/place/a.txt");
    await page.getByRole("button", { name: "Rename", exact: true }).click();
    await treeItem(page, "/new/place/a.txt").waitFor();
    await treeItem(page, "/new").click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await treeItem(page, "/new").waitFor({ state: "detached" });
    expect(await page.getByRole("treeitem").allTextContents()).toEqual([expect.stringContaining("b.txt")]);
  });

  it("are not added any more when that is cancelled", async () => {
    const { page } = await open();
    await dropRandom(page, "large.bin", 128);
    await page.getByText(/Adding to \/… [\d.]+ MB/).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("It was cancelled.").waitFor();
    expect(await treeItem(page, "/large.bin").count()).toBe(0);
    expect(await inventoryOf(page)).toEqual({ blobs: [], ingests: [] });
  });

  it("are walked by keys alone", async () => {
    const { page } = await open();
    await page.getByLabel("Folder to add").setInputFiles(folder);
    await treeItem(page, "/site").waitFor();
    await treeItem(page, "/site").focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute("data-path")))
      .toBe("/site/css/a.css");
    await page.keyboard.press("Delete");
    await treeItem(page, "/site/css/a.css").waitFor({ state: "detached" });
    await page.keyboard.press("End");
    await page.keyboard.press("F2");
    expect(await page.getByLabel("New path").inputValue()).toBe("/site/hello.sh");
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it("are put back to what the last layer has, and layers are taken away", async () => {
    const { page } = await open();
    await dropFiles(page, [{ name: "a.txt", content: "a" }]);
    await page.getByRole("button", { name: "Commit layer" }).click();
    await page.getByText("Layer 1").waitFor();
    await treeItem(page, "/a.txt").click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("1 removed").waitFor();
    await page.getByRole("button", { name: "Discard…" }).click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await treeItem(page, "/a.txt").waitFor();
    await page.getByRole("button", { name: "Remove layer…" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("Drop files, folders or an archive anywhere on this page.").waitFor();
    await expect.poll(() => inventoryOf(page)).toEqual({ blobs: [], ingests: [] });
  });
});
