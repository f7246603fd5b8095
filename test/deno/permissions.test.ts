import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { DENO } from "../engines/processes.ts";
import { run } from "../support/processes.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { hasTool, itWith } from "../support/tools.ts";

const script = join(import.meta.dirname, "script.ts");
const [deno = "", ...denoArgs] = DENO.filter((argument) => argument !== "--allow-all");
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const NOT_READ =
  "extended attributes were not read, as getfattr may not be run: give Deno --allow-run=getfattr, or switch reading of xattrs off";

let home: string;
let source: string;
let layout: string;
beforeEach(() => {
  home = realpathSync(temporaryDirectory());
  source = join(home, "in");
  layout = join(home, "out/layout");
  mkdirSync(join(source, "sub"), { recursive: true });
  mkdirSync(join(home, "out"));
  writeFileSync(join(source, "index.html"), "<p>hello\n");
  writeFileSync(join(source, "sub/style.css"), "p {}\n");
});

/** What the script gives with these permissions. */
async function outcome(permissions: readonly string[], args: readonly string[] = [source, layout]): Promise<unknown> {
  const { stdout, stderr } = await run(deno, [...denoArgs, "--no-prompt", ...permissions, script, ...args]);
  if (!stdout.startsWith("{")) throw new Error(stderr);
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

const reads = (...paths: readonly string[]): string => `--allow-read=${paths.join(",")}`;
const writes = (...paths: readonly string[]): string => `--allow-write=${paths.join(",")}`;

describe("slipway/deno", () => {
  it("builds with nothing but read access to the source and the layout, and write access to the layout", async () => {
    expect(await outcome([reads(source, layout), writes(layout)])).toEqual({
      digest: expect.stringMatching(DIGEST),
      warnings: [NOT_READ],
    });
    expect(readdirSync(layout).sort()).toEqual([".slipway", "blobs", "index.json", "oci-layout"]);
    // What remembers the layers and what they are for; no lock and nothing temporary.
    expect(readdirSync(join(layout, ".slipway"))).toEqual(["labels", "metadata"]);
    // Once more, on what is there.
    expect(await outcome([reads(source, layout), writes(layout)])).toMatchObject({ warnings: [NOT_READ] });
  });

  it("gives the same bytes with all permissions", async () => {
    const narrow = await outcome([reads(source, layout), writes(layout)]);
    const all = await outcome(["--allow-all"], [source, join(home, "out/second")]);
    const { digest } = narrow as { readonly digest: string };
    expect(all).toEqual({ digest, warnings: hasTool("getfattr") ? [] : [expect.stringContaining("not installed")] });
  });

  itWith(["getfattr", "setfattr"], "reads extended attributes as soon as getfattr may be run", async () => {
    const plain = await outcome([reads(source, layout), writes(layout)]);
    execFileSync("setfattr", ["-n", "user.note", "-v", "x", join(source, "index.html")]);
    const permissions = [reads(source, join(home, "out")), writes(join(home, "out"))];
    const second = [source, join(home, "out/second")];
    const read = await outcome([...permissions, "--allow-run=getfattr"], second);
    expect(read).toEqual({ digest: expect.stringMatching(DIGEST), warnings: [] });
    expect(read).not.toMatchObject({ digest: (plain as { readonly digest: string }).digest });
    expect(await outcome(["--allow-all"], [source, join(home, "out/third")])).toEqual(read);
  });

  it.each([
    ["", `open the image layout LAYOUT`, "--allow-read=LAYOUT --allow-write=LAYOUT"],
    ["--allow-read=LAYOUT", `open the image layout LAYOUT`, "--allow-write=LAYOUT"],
    ["--allow-read=LAYOUT --allow-write=LAYOUT", "read the directory SOURCE", "--allow-read=SOURCE"],
  ])("with %s says which flags are missing", async (given, doing, missing) => {
    const named = (text: string): string => text.replaceAll("LAYOUT", layout).replaceAll("SOURCE", source);
    expect(await outcome(named(given).split(" ").filter(Boolean))).toEqual({
      code: "PERMISSION_DENIED",
      message: named(`Cannot ${doing}: Deno was not given permission; run it with ${missing}`),
    });
  });

  it("reads a layout that it may not write", async () => {
    const { digest } = (await outcome([reads(source, layout), writes(layout)])) as { readonly digest: string };
    expect(await outcome([reads(layout)], ["", layout])).toEqual({ digest, whole: true });
    expect(await outcome([], ["", layout])).toMatchObject({
      message: `Cannot open the image layout ${layout}: Deno was not given permission; run it with --allow-read=${layout}`,
    });
  });

  it("quotes the flags so that a shell takes them", async () => {
    const odd = join(home, "out/it's, odd");
    expect(await outcome([], [source, odd])).toMatchObject({
      message: expect.stringContaining(`'--allow-read=${home}/out/it'\\''s,, odd' '--allow-write=`),
    });
    const granted = [`--allow-read=${source},${odd.replace(",", ",,")}`, `--allow-write=${odd.replace(",", ",,")}`];
    expect(await outcome(granted, [source, odd])).toMatchObject({ digest: expect.stringMatching(DIGEST) });
  });

  it("writes an archive with access to its directory, and says so where that is missing", async () => {
    const archive = join(home, "archive.tar");
    const permissions = [reads(source, layout), writes(layout)];
    expect(await outcome(permissions, [source, layout, archive])).toMatchObject({
      code: "PERMISSION_DENIED",
      message: `Cannot write ${archive}: Deno was not given permission; run it with --allow-read=${home} --allow-write=${home}`,
    });
    expect(existsSync(archive)).toBe(false);
    expect(await outcome([reads(home), writes(home)], [source, layout, archive])).toMatchObject({
      warnings: [NOT_READ],
    });
    expect(existsSync(archive)).toBe(true);
  });

  it("finds the directory for temporary files only with leave to look at the environment", async () => {
    expect(await outcome([reads(source)], [source])).toMatchObject({
      code: "PERMISSION_DENIED",
      message:
        "Cannot open a temporary store: Deno was not given permission; run it with --allow-env=TMPDIR --allow-env=TMP --allow-env=TEMP",
    });
    const temporary = process.env.TMPDIR ?? "/tmp";
    const permissions = ["--allow-env=TMPDIR,TMP,TEMP", reads(source, temporary), writes(temporary)];
    expect(await outcome(permissions, [source])).toMatchObject({ digest: expect.stringMatching(DIGEST) });
  });

  itWith(["script"], "asks nobody at a terminal for what it can do without", async () => {
    const quoted = [...denoArgs, reads(source, layout), writes(layout), script, source, layout]
      .map((argument) => `'${argument}'`)
      .join(" ");
    // A terminal of its own, at which nobody answers.
    const { status, stdout } = await run("script", [
      "-qec",
      `timeout --foreground 60 '${deno}' ${quoted}`,
      "/dev/null",
    ]);
    expect([status, stdout.trim()]).toEqual([0, expect.stringMatching(/^\{"digest":"sha256:[0-9a-f]{64}"/)]);
  });

  itWith(["script"], "asks once for a whole directory that it needs", async () => {
    const quoted = [...denoArgs, reads(layout), writes(layout), script, source, layout]
      .map((argument) => `'${argument}'`)
      .join(" ");
    const { status, output } = await answering("y", `timeout --foreground 60 '${deno}' ${quoted}`);
    expect([...output.matchAll(/Deno requests (.*)\./g)].map(([, what]) => what)).toEqual([
      `read access to "${source}"`,
    ]);
    expect([status, output]).toEqual([0, expect.stringMatching(/\{"digest":"sha256:[0-9a-f]{64}"/)]);
  });
});

/** Runs a command at a terminal of its own, at which somebody gives this answer until no question is open. */
function answering(
  answer: string,
  command: string,
): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  // Deno throws away what was typed before it listens, which is a moment after the question is seen: so once more.
  const typing = setInterval(() => {
    if (output.includes("Allow? [")) child.stdin.write(`${answer}\n`);
  }, 300);
  child.stdin.on("error", () => undefined);
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (status) => {
      clearInterval(typing);
      done({ status, output });
    });
  });
}
