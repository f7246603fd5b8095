import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/cli/version.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import { sampleImage, sampleIndex } from "../support/sample-image.ts";
import { listing, root, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data") };
const run = (...args: string[]) => slipway(args, { env, cwd: path() });

mkdirSync(path("site/css"), { recursive: true });
writeFileSync(path("site/index.html"), "<p>hello</p>\n");
writeFileSync(path("site/css/a.css"), "p {}\n");
writeFileSync(path("site/start"), "#!/bin/sh\n");
chmodSync(path("site/start"), 0o755);
symlinkSync("index.html", path("site/home.html"));
linkSync(path("site/index.html"), path("site/same.html"));
writeFileSync(path("site/notes.md"), "not for the image\n");
writeFileSync(path("site/.dockerignore"), "*.md\n.dockerignore\n");

const tarList = (file: string): string[] => execFileSync("tar", ["-tf", file], { encoding: "utf8" }).trim().split("\n");

describe("slipway build", () => {
  it("writes an archive for Docker and says what is in it", async () => {
    const { status, stdout, stderr } = await run(
      "build",
      "site",
      "-t",
      "site:1",
      "--platform",
      "linux/amd64",
      "-o",
      "type=docker,dest=new/dir/site.tar",
    );
    expect(stderr).toMatch(
      /\nimage {3}site:1\nfor {5}linux\/amd64 {2}config [0-9a-f]{12}\nlayer {3}[0-9a-f]{12} +\d+ B {2}diffID [0-9a-f]{12}\n/,
    );
    expect(stderr).toMatch(
      /\ndigest {2}sha256:[0-9a-f]{64}\nfile {4}new\/dir\/site\.tar {2}[\d.]+ kB\ntry {5}docker load -i new\/dir\/site\.tar\n$/,
    );
    expect([status, stdout]).toEqual([0, ""]);
    expect(tarList(path("new/dir/site.tar")).slice(0, 3)).toEqual(["oci-layout", "index.json", "manifest.json"]);
    expect(listing(temporary)).toEqual([]);
  });

  it("takes what .dockerignore lets in, with modes, symlinks and hard links", async () => {
    expect((await run("build", "site", "--dest", "/srv/www", "-o", "type=local,dest=root")).status).toBe(0);
    expect(listing(path("root"))).toEqual(
      ["css", "css/a.css", "home.html", "index.html", "same.html", "start"]
        .map((name) => `srv/www/${name}`)
        .concat("srv", "srv/www")
        .sort(),
    );
    const modes = execFileSync("stat", ["-c", "%a %h %Y", path("root/srv/www/start"), path("root/srv/www/same.html")], {
      encoding: "utf8",
    });
    expect(modes).toBe("755 1 0\n644 2 0\n");
  });

  it("gives the same bytes from another path on another day", async () => {
    cpSync(path("site"), path("copy"), { recursive: true, verbatimSymlinks: true });
    // `cp` makes two files of a hard link.
    execFileSync("ln", ["-f", path("copy/index.html"), path("copy/same.html")]);
    utimesSync(path("copy/start"), 1e9, 1e9);
    for (const directory of ["site", "copy"]) {
      const args = ["-t", "same:1", "--platform", "linux/arm64", "-o", `type=oci,dest=${directory}.tar`];
      expect((await run("build", directory, ...args)).status).toBe(0);
    }
    expect(readFileSync(path("site.tar")).equals(readFileSync(path("copy.tar")))).toBe(true);
  });

  it("writes the archive to stdout when it is asked to, and nothing else there", async () => {
    const { status, stdout } = await run(
      "build",
      "site",
      "-t",
      "same:1",
      "--platform",
      "linux/arm64",
      "-o",
      "type=oci,dest=-",
    );
    expect(status).toBe(0);
    expect(Buffer.from(stdout, "latin1").equals(readFileSync(path("site.tar")))).toBe(true);
  });

  it("prints nothing but the image ID with --quiet, and writes it and the metadata to files", async () => {
    const args = [
      "-t",
      "site:1",
      "-q",
      "--no-xattrs",
      "--iidfile",
      "notes/iid",
      "--metadata-file",
      "notes/meta.json",
      "-o",
      "type=oci,dest=q.tar",
    ];
    const { status, stdout, stderr } = await run("build", "site", ...args);
    expect([status, stderr]).toEqual([0, ""]);
    const metadata = JSON.parse(readFileSync(path("notes/meta.json"), "utf8"));
    expect(stdout).toBe(`${metadata["containerimage.config.digest"]}\n`);
    expect(readFileSync(path("notes/iid"), "utf8")).toBe(metadata["containerimage.config.digest"]);
    expect(metadata["image.name"]).toBe("docker.io/library/site:1");
    expect(metadata["containerimage.descriptor"].digest).toBe(metadata["containerimage.digest"]);
  });

  it("keeps images in the store where no output is named, and the next build finds its layer there", async () => {
    expect((await run("build", "site", "-t", "site:1", "-t", "site:2")).status).toBe(0);
    const again = await run("build", "site", "-t", "site:3", "--label", "a=b");
    expect(again.stderr).toMatch(/layer .* cached/);
    const { stdout } = await run("ls");
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.split(/ +/)[0]),
    ).toEqual(["NAME", "site:1", "site:2", "site:3"]);
    expect(existsSync(path("data/slipway/index.json"))).toBe(true);
  });

  it("makes and extends a layout directory, and builds on what is in it", async () => {
    expect(
      (await run("build", "site", "-t", "base:1", "--env", "LANG=C", "-o", "type=oci,tar=false,dest=layout")).status,
    ).toBe(0);
    mkdirSync(path("more/css"), { recursive: true });
    writeFileSync(path("more/css/a.css"), "q {}\n");
    const args = [
      "-t",
      "top:1",
      "--from",
      "oci:layout:1",
      "--cmd",
      "/start now",
      "-o",
      "type=oci,tar=false,dest=layout",
    ];
    const built = await run("build", "more", ...args);
    expect([built.status, built.stderr]).toEqual([
      0,
      expect.stringContaining("try     slipway inspect oci:layout:top:1"),
    ]);
    const report = JSON.parse((await run("inspect", "oci:layout:top:1", "--json")).stdout);
    expect(report.manifests[0].layers).toHaveLength(2);
    expect(report.manifests[0].image.config).toMatchObject({
      Cmd: ["/start", "now"],
      Env: expect.arrayContaining(["LANG=C"]),
    });
    const diff = await run("diff", "oci:layout:base:1", "oci:layout:top:1");
    expect([diff.status, diff.stdout]).toEqual([0, "~ /css/a.css  content\n0 added, 1 modified, 0 removed\n"]);
  });

  it("takes SOURCE_DATE_EPOCH from the environment and from its flag, which wins", async () => {
    const created = async (...args: string[]): Promise<string | undefined> => {
      const built = await slipway(["build", "site", "-o", "type=oci,dest=epoch.tar", ...args], {
        cwd: path(),
        env: { ...env, SOURCE_DATE_EPOCH: "1000" },
      });
      expect(built.status).toBe(0);
      return JSON.parse((await run("inspect", "oci-archive:epoch.tar", "--json")).stdout).manifests[0].image.created;
    };
    expect(await created()).toBe("1970-01-01T00:16:40Z");
    expect(await created("--source-date-epoch", "60")).toBe("1970-01-01T00:01:00Z");
  });

  it("keeps times and owners where it is asked to", async () => {
    utimesSync(path("more/css/a.css"), 86_400, 86_400);
    expect(
      (await run("build", "more", "--preserve-mtime", "--preserve-owner", "-o", "type=tar,dest=kept.tar")).status,
    ).toBe(0);
    const list = execFileSync("tar", ["--utc", "-tvf", path("kept.tar")], { encoding: "utf8" });
    expect(list).toContain("1970-01-02");
  });

  it("makes an index for several platforms", async () => {
    const args = [
      "--platform",
      "linux/amd64,linux/arm64",
      "--annotation",
      "index:k=v",
      "-o",
      "type=oci,dest=multi.tar",
    ];
    expect((await run("build", "more", "-t", "multi", ...args)).status).toBe(0);
    const report = JSON.parse((await run("inspect", "oci-archive:multi.tar", "--json")).stdout);
    expect(report.manifests.map(({ platform }: { platform: string }) => platform)).toEqual([
      "linux/amd64",
      "linux/arm64",
    ]);
    expect(report.annotations).toEqual({ k: "v" });
    const one = await run("inspect", "oci-archive:multi.tar:multi", "--platform", "linux/arm64");
    expect(one.stdout).toContain("platform  linux/arm64");
    expect(one.stdout).not.toContain("amd64");
  });

  it("finds the image of an index whose first manifest is an attestation", async () => {
    const store = await openDirectoryStore(path("attested"));
    const attestation = await sampleImage(store.content, { platform: { os: "unknown", architecture: "unknown" } });
    const image = await sampleImage(store.content);
    const index = await sampleIndex([attestation, image]);
    await store.images.create({ name: "docker.io/library/attested:1", target: index.descriptor });
    await store.close();
    const { status, stdout } = await run("diff", "oci:attested:1", "--layers", "2");
    expect([status, stdout]).toEqual([0, "+ /b.txt\n1 added, 0 modified, 0 removed\n"]);
    expect((await run("inspect", "oci:attested:1")).stdout).toContain("platform  linux/amd64");
    const none = await run("diff", "oci:attested:1", "--layers", "3");
    expect([none.status, none.stderr]).toEqual([1, expect.stringMatching(/^slipway: Cannot .*\(OUT_OF_RANGE\)\n$/)]);
  });

  it("leaves out what it writes itself, and says so", async () => {
    mkdirSync(path("here"));
    writeFileSync(path("here/a"), "a\n");
    const build = async (output: string): Promise<{ digest: string | undefined; stderr: string }> => {
      const options = { env, cwd: path("here") };
      const { stderr } = await slipway(
        ["build", ".", "-t", "x", "--no-xattrs", "--iidfile", "iid", "-o", output],
        options,
      );
      return { digest: /^digest {2}(.*)$/m.exec(stderr)?.[1], stderr };
    };
    const first = await build("type=oci,dest=x.tar");
    expect(first.digest).toMatch(/^sha256:/);
    expect(first.stderr).not.toContain("warning");
    const second = await build("type=oci,dest=x.tar");
    expect(second.stderr).toContain("warning: x.tar is what this build writes, and is left out of the image");
    rmSync(path("here/x.tar"));
    const third = await build("type=oci,tar=false,dest=layout");
    expect(third.stderr).toContain("warning: layout is what this build writes");
    expect([second.digest, third.digest]).toEqual([first.digest, first.digest]);
  });

  it("warns of options that it does not know", async () => {
    const { status, stderr } = await run("build", "more", "-o", "type=oci,dest=w.tar,shiny=yes");
    expect([status, stderr]).toEqual([0, expect.stringContaining('warning: Option "shiny" is unknown')]);
  });
});

describe("the other commands", () => {
  it("inspect shows a table", async () => {
    const { status, stdout } = await run("inspect", "oci:layout:top:1");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^image {5}docker\.io\/library\/top:1\ndigest {4}sha256:/);
    expect(stdout).toMatch(/\nlayers {4}2, \d+ B\n {8}1 [0-9a-f]{12} +\d+ B {2}gzip {3}diffID [0-9a-f]{12}\n {8}2 /);
  });

  it("inspect and diff find a name in the store", async () => {
    expect((await run("inspect", "site:1")).stdout).toContain("docker.io/library/site:1");
    expect((await run("diff", "site:1", "site:3")).stdout).toBe("0 added, 0 modified, 0 removed\n");
  });

  it("diff shows what a layer does", async () => {
    const { stdout } = await run("diff", "oci:layout:top:1", "--layers", "1..2", "--json");
    expect(JSON.parse(stdout)).toEqual([{ kind: "modify", path: "/css/a.css", reasons: ["content"], type: "file" }]);
  });

  it("gc removes what no image needs, after saying so", async () => {
    await run("build", "more", "-t", "site:3");
    const dry = JSON.parse((await run("gc", "--dry-run", "--json")).stdout);
    expect(dry.removed.length).toBeGreaterThanOrEqual(2);
    expect((await run("gc")).stdout).toMatch(/removed \d+ blobs/);
    expect(JSON.parse((await run("gc", "--dry-run", "--json")).stdout).removed).toEqual([]);
    expect((await run("inspect", "site:1")).status).toBe(0);
  });

  it("gc forgets what is recorded of layers and their blocks that are gone, and of no others", async () => {
    mkdirSync(path("changing"));
    const records = async (): Promise<readonly string[]> => {
      const store = await openDirectoryStore(path("changes"));
      return (await store.metadata.keys("")).map((key) => key.split("/")[0] ?? "").sort();
    };
    for (const seed of [1, 2, 3]) {
      // Long enough for a block to be worth a record.
      const lines = Array.from({ length: 20_000 }, (_, line) => `${line * seed} of ${seed}\n`);
      writeFileSync(path("changing/file"), lines.join(""));
      expect((await run("build", "changing", "-t", "site:1", "--store", "changes")).status).toBe(0);
      const built = await records();
      expect((await run("gc", "--store", "changes", "--dry-run")).status).toBe(0);
      expect(await records()).toEqual(built);
      expect((await run("gc", "--store", "changes")).status).toBe(0);
      expect(await records()).toEqual(["blocks", "layers"]);
    }
  });

  it("gc forgets unfinished uploads that their registry has forgotten by now, and no younger ones", async () => {
    const store = await openDirectoryStore(path("uploads"));
    for (const age of ["old", "young"]) await store.metadata.set(`registry/uploads/host/${age}`, Buffer.from("{}"));
    await store.metadata.set("others/old", Buffer.from("{}"));
    const eightDaysAgo = Date.now() / 1000 - 8 * 24 * 60 * 60;
    for (const name of listing(path("uploads/.slipway/metadata"))) {
      if (name.includes("old")) utimesSync(path("uploads/.slipway/metadata", name), eightDaysAgo, eightDaysAgo);
    }
    const gc = (...more: string[]) => run("gc", "--store", "uploads", ...more);
    expect(JSON.parse((await gc("--dry-run", "--json")).stdout).uploads).toEqual(["registry/uploads/host/old"]);
    expect((await gc()).stdout).toBe("removed 0 blobs, 0 B, and 1 unfinished\n");
    expect(await store.metadata.keys("")).toEqual(["others/old", "registry/uploads/host/young"]);
    expect((await gc()).stdout).toBe("removed 0 blobs, 0 B\n");
  });

  it("ls and gc of a store that nobody has used yet are empty", async () => {
    const fresh = { env: { ...env, XDG_DATA_HOME: path("none") } };
    expect((await slipway(["ls", "--json"], fresh)).stdout).toBe("[]\n");
    expect((await slipway(["gc"], fresh)).stdout).toBe("removed 0 blobs, 0 B\n");
    expect(existsSync(path("none"))).toBe(false);
  });

  it("help and version", async () => {
    expect((await run("--version")).stdout).toBe(`${VERSION}\n`);
    expect(JSON.parse(readFileSync(`${root}/package.json`, "utf8")).version).toBe(VERSION);
    for (const args of [
      ["--help"],
      ["build", "--help"],
      ["push", "--help"],
      ["pull", "--help"],
      ["copy", "--help"],
      ["rebase", "--help"],
      ["inspect", "--help"],
      ["diff", "--help"],
      ["tags", "--help"],
      ["ls", "--help"],
      ["gc", "--help"],
      ["cache", "--help"],
      ["cache", "prune", "--help"],
    ]) {
      const { status, stdout, stderr } = await run(...args);
      expect([status, stderr]).toEqual([0, ""]);
      const help = Buffer.from(stdout, "latin1").toString();
      expect(help.split("\n").filter((line) => line.length > 80)).toEqual([]);
      expect(help).toMatchSnapshot(args.join(" "));
    }
  });
});

describe("npm run export", () => {
  const demo = (...args: string[]) =>
    slipway(args, { command: [process.execPath, `${root}/demo/export.js`], env, cwd: path() });

  it("passes its arguments on, and names the file after the image", async () => {
    const { status, stderr } = await demo("site", "-t", "host.example/team/web:2");
    expect([status, stderr]).toEqual([0, expect.stringContaining("docker load -i out/web.tar")]);
  });

  it("builds the demo without arguments", async () => {
    cpSync(`${root}/demo/hello`, path("demo/hello"), { recursive: true, verbatimSymlinks: true });
    expect((await demo()).status).toBe(0);
    const { stdout } = await run("inspect", "docker-archive:out/hello.tar");
    expect(stdout).toContain("docker.io/library/hello:latest");
    expect((await run("diff", "docker-archive:out/hello.tar", "--layers", "1")).stdout).toContain("+ /bin/serve\n");
  });
});
