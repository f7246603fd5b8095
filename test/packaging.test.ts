import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { beforeAll, describe, expect, it } from "vitest";
import { BUN } from "./engines/processes.ts";
import { entries, installedPackage, manifest, packedTarball } from "./support/packed.ts";
import { deno, root, run } from "./support/processes.ts";

const denoManifest: {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
} = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));

const readJson = (path: string): { readonly version: string } => JSON.parse(readFileSync(path, "utf8"));

describe("deno.json", () => {
  it("has the version and the license of package.json", () => {
    expect([denoManifest.version, denoManifest.license]).toEqual([manifest.version, manifest.license]);
  });

  it("exports the sources of what package.json exports", () => {
    const sources = Object.entries(manifest.exports).flatMap(([entry, target]) =>
      typeof target === "string" ? [] : [[entry, target.default.replace(/^\.\/dist\/(.*)\.js$/, "./src/$1.ts")]],
    );
    expect(denoManifest.exports).toEqual(Object.fromEntries(sources));
  });

  it("names packages only by package.json, and itself by the name that npm knows", () => {
    expect(denoManifest.imports).toEqual({
      [manifest.name]: `jsr:${denoManifest.name}@^${manifest.version}`,
    });
  });

  it("is all that `deno publish` needs", { timeout: 180_000 }, async () => {
    const { status, stderr } = await run(deno, ["publish", "--dry-run", "--allow-dirty"]);
    expect([status, stderr]).toEqual([0, expect.stringContaining("Success Dry run complete")]);
    expect(stderr).toContain(`Simulating publish of ${denoManifest.name}@${manifest.version} with files:`);
    const files = [...stderr.matchAll(/^ +file:\/\/(\S+) \(/gm)].map(([, path]) => path?.slice(root.length + 1));
    expect(files).toEqual(expect.arrayContaining(["src/index.ts", "src/deno/index.ts", "README.md", "LICENSE"]));
    expect(files.filter((path) => !/^(?:src\/(?!cli\/)|[A-Za-z]+\.(?:md|json)$|LICENSE$)/.test(path ?? ""))).toEqual(
      [],
    );
  });

  it("pins the packages that the lock of npm pins", () => {
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      expect([name, readJson(join(root, "node_modules", name, "package.json")).version]).toEqual([name, version]);
    }
  });
});

describe("the packed package", () => {
  let tarball: string;
  beforeAll(async () => {
    tarball = await packedTarball();
  });

  it("satisfies publint", async () => {
    const bytes = readFileSync(tarball);
    const packed = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages } = await publint({ pack: { tarball: packed }, strict: true });
    expect(messages).toEqual([]);
  });

  it("has types that every resolution of modules finds", { timeout: 180_000 }, async () => {
    const attw = join(root, "node_modules/.bin/attw");
    const args = [tarball, "--profile", "esm-only", "--format", "ascii", "--no-color", "--no-emoji"];
    const { status, stdout, stderr } = await run(attw, args);
    expect(status, stdout + stderr).toBe(0);
    for (const entry of entries) expect(stdout).toContain(`"${entry}"`);
  });
});

describe("a project that installs the packed package", () => {
  let project: string;
  beforeAll(async () => {
    project = await installedPackage(await packedTarball());
    mkdirSync(join(project, "node_modules/@types"));
    symlinkSync(join(root, "node_modules/@types/node"), join(project, "node_modules/@types/node"));
    const imports = entries.map(
      (entry) =>
        `try { console.log(${JSON.stringify(entry)}, Object.keys(await import(${JSON.stringify(entry)})).length > 0); } catch (error) { console.log(String(error)); }\n`,
    );
    writeFileSync(join(project, "all.mjs"), imports.join(""));
  });

  const runtimes: Readonly<Record<string, readonly [string, ...string[]]>> = {
    Node: [process.execPath],
    Deno: [deno, "run", "--quiet", "--no-prompt", "--node-modules-dir=manual"],
    Bun: [BUN[0] ?? "", ...BUN.slice(1)],
  };

  it.each(Object.entries(runtimes))("imports every entry in %s", async (_, [command, ...args]) => {
    const { stdout, stderr } = await run(command, [...args, "all.mjs"], { cwd: project });
    expect([stdout.trimEnd().split("\n"), stderr]).toEqual([entries.map((entry) => `${entry} true`), ""]);
  });

  it.each(["NodeNext", "Bundler"])(
    "is checked with its types and those of what it needs, by %s",
    async (resolution) => {
      writeFileSync(
        join(project, `all-${resolution}.ts`),
        entries.map((entry, at) => `export * as entry${at} from ${JSON.stringify(entry)};\n`).join(""),
      );
      const { status, stdout } = await run(
        join(root, "node_modules/.bin/tsc"),
        [
          ...["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--types", "node"],
          ...["--lib", "es2023,esnext.disposable,dom,dom.iterable,dom.asynciterable", "--moduleResolution", resolution],
          ...[
            "--module",
            resolution === "Bundler" ? "esnext" : resolution,
            "--skipLibCheck",
            String(resolution === "Bundler"),
          ],
          `all-${resolution}.ts`,
        ],
        { cwd: project },
      );
      expect([status, stdout]).toEqual([0, ""]);
    },
  );

  it("builds in Deno with read access to the source and write access to the store, and nothing else", async () => {
    mkdirSync(join(project, "site"));
    writeFileSync(join(project, "site/index.html"), "<p>hello\n");
    writeFileSync(
      join(project, "build.mjs"),
      `import { build } from "slipway";
       import { addDirectory, openDirectoryStore } from "slipway/deno";
       const store = await openDirectoryStore("out");
       const fill = (work, options) => addDirectory(work, "site", { ...options, xattrs: false });
       console.log((await build({ ...store, fill, options: { name: "site:1" } })).digest);
       await store.close();`,
    );
    const [command, ...args] = runtimes.Deno ?? [""];
    const narrow = ["--allow-read=site,out", "--allow-write=out"];
    const { stdout, stderr } = await run(command, [...args, ...narrow, "build.mjs"], { cwd: project });
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), ""]);
    const inNode = await run(process.execPath, ["build.mjs"], { cwd: project });
    expect(inNode.stdout).toBe(stdout);
  });
});
