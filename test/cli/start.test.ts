import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { root, run } from "../support/processes.ts";
import { temporaryRoot } from "../support/temporary.ts";
import { cli } from "./support/slipway.ts";

/** A directory with a directory `site` of one file. */
function site(): string {
  const directory = temporaryRoot();
  mkdirSync(join(directory, "site"));
  writeFileSync(join(directory, "site/index.html"), "<p>hello\n");
  return directory;
}

/** The modules that a command line loads, its threads' among them: the engine itself notes them, for measuring coverage. */
async function loaded(
  args: readonly string[],
  directory: string = site(),
): Promise<{ readonly own: readonly string[]; readonly others: string }> {
  const env = { ...process.env, NODE_V8_COVERAGE: join(directory, `coverage-${randomUUID()}`) };
  const { status, stderr } = await run(process.execPath, [cli, ...args], { cwd: directory, env });
  expect(status, stderr).toBe(0);
  const urls = new Set<string>();
  for (const name of readdirSync(env.NODE_V8_COVERAGE)) {
    const { result } = JSON.parse(readFileSync(join(env.NODE_V8_COVERAGE, name), "utf8")) as {
      readonly result: readonly { readonly url: string }[];
    };
    for (const { url } of result) if (url.startsWith("file:")) urls.add(url);
  }
  const home = pathToFileURL(`${root}/dist/`).href;
  const isOwn = (url: string): boolean => url.startsWith(home);
  return {
    own: [...urls].filter(isOwn).map((url) => url.slice(home.length)),
    others: [...urls].filter((url) => !isOwn(url)).join("\n"),
  };
}

it("loads next to nothing to say which version it is", async () => {
  const { own, others } = await loaded(["--version"]);
  expect(own).toContain("cli/main.js");
  expect(own.length).toBeLessThan(8);
  expect(others).toContain("commander");
  expect(others).not.toMatch(/fflate|fzstd|log-update/);
});

it("loads for a build a few files, and nothing that draws on a terminal", async () => {
  const { own, others } = await loaded(["build", "site", "--no-cache", "-o", "type=oci,dest=site.tar"]);
  expect(own.length).toBeLessThan(40);
  expect(own.filter((path) => !path.startsWith("cli/"))).toEqual([]);
  expect(own).not.toContain("cli/terminal.js");
  expect(others).not.toMatch(/fflate|fzstd|log-update/);
});

it("loads no client for registries where none is asked, and nothing that writes archives into a store", async () => {
  const directory = site();
  const args = ["build", "site", "-t", "site:1", "--store", "store", "--cache-dir", "cache"];
  const { own } = await loaded(args, directory);
  for (const chunk of ["cli/registry-client.js", "cli/build-output.js", "cli/open-source.js"]) {
    expect(own).not.toContain(chunk);
    expect(existsSync(join(root, "dist", chunk)), chunk).toBe(true);
  }
});

it("loads the packages that compress and decompress when they are used", async () => {
  const directory = site();
  const other = "type=oci,dest=site.tar,compression-engine=fflate";
  expect((await loaded(["build", "site", "--no-cache", "-o", other], directory)).others).toContain("/fflate/");
  const plain = "type=oci,dest=base,tar=false,compression=uncompressed,name=base:1";
  await run(process.execPath, [cli, "build", "site", "--no-cache", "-o", plain], { cwd: directory });
  recompress(join(directory, "base"));
  const args = ["build", "site", "--no-cache", "--from", "oci:base", "-o", "type=tar,dest=root.tar"];
  expect((await loaded(args, directory)).others).toContain("/fzstd/");
});

/** Makes a zstd layer of the only one of an image layout: frames may have blocks that are not compressed (RFC 8878, section 3.1.1.2). */
function recompress(layout: string): void {
  const blob = (digest: string): string => join(layout, "blobs/sha256", digest.slice("sha256:".length));
  const put = (bytes: Uint8Array, descriptor: object): void => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    Object.assign(descriptor, { digest, size: bytes.byteLength });
    writeFileSync(blob(digest), bytes);
  };
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const [entry] = index.manifests;
  const manifest = JSON.parse(readFileSync(blob(entry.digest), "utf8"));
  const [layer] = manifest.layers;
  const tar = readFileSync(blob(layer.digest));
  expect(tar.byteLength).toBeLessThan(128 * 1024);
  const block = 1 | (tar.byteLength << 3);
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, block & 0xff, (block >> 8) & 0xff, block >> 16];
  const compressed = Buffer.from([...frame, ...tar]);
  compressed.writeUInt32LE(tar.byteLength, 5);
  layer.mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
  put(compressed, layer);
  put(Buffer.from(JSON.stringify(manifest)), entry);
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
}
