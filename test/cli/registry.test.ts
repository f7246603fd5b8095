import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUN } from "../engines/processes.ts";
import { DOCKER_REGISTRY, HTPASSWD, type RegistryDaemon, startRegistry } from "../interop/support/registry.ts";
import {
  type Fault,
  type RecordedRequest,
  requestLine,
  startTestRegistry,
  type TestRegistry,
} from "../support/registry-server/test-registry.ts";
import { hasTool, itWith } from "../support/tools.ts";
import { cli, type Ended, listing, root, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data"), DOCKER_CONFIG: path("docker") };
const run = (...args: string[]): Promise<Ended> => slipway(args, { env, cwd: path() });

/** What a command printed that must succeed. */
async function done(...args: string[]): Promise<Ended> {
  const ended = await run(...args);
  if (ended.status !== 0) throw new Error(`slipway ${args.join(" ")}: ${ended.stderr}`);
  return ended;
}
const digestIn = ({ stdout, stderr }: Ended): string | undefined => /^digest {2}(.*)$/m.exec(stdout + stderr)?.[1];
const lastLine = ({ stderr }: Ended): string | undefined => stderr.trimEnd().split("\n").at(-1);
const sha256 = (bytes: string | Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

mkdirSync(path("base"));
writeFileSync(path("base/noise"), randomBytes(300_000));
writeFileSync(path("base/greeting"), "hello\n");
mkdirSync(path("newer"));
writeFileSync(path("newer/greeting"), "good day\n");
mkdirSync(path("app"));
writeFileSync(path("app/run"), "#!/bin/sh\n");

let server: TestRegistry;
/** What the server does wrong, while a test wants it to. */
let fault: ((request: RecordedRequest) => Fault | undefined) | undefined;
beforeAll(async () => {
  server = await startTestRegistry({ mounts: "named", on: (request) => fault?.(request) });
  const both = ["--platform", "linux/amd64,linux/arm64", "--push"];
  await done("build", "base", "-t", at("base:1"), "--env", "LANG=C", ...both);
  await done("build", "newer", "-t", at("base:2"), "--env", "LANG=de", ...both);
});
afterAll(() => server.stop());

const at = (name: string): string => `${server.host}/${name}`;

/** Requests while `work` runs. */
async function requestsOf(work: () => Promise<unknown>): Promise<readonly RecordedRequest[]> {
  const before = server.requests.length;
  await work();
  return server.requests.slice(before);
}

interface Manifest {
  readonly layers: readonly { readonly digest: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}
const manifestOf = async (name: string): Promise<Manifest> =>
  JSON.parse((await done("inspect", "--raw", "--platform", "linux/amd64", name)).stdout);

describe("build on a base at a registry", () => {
  it("neither reads nor sends the base's layers, and says so", async () => {
    let built: Ended | undefined;
    const args = ["-t", at("hello:1"), "--from", at("base:1"), "--platform", "linux/amd64", "--push"];
    const requests = await requestsOf(async () => {
      built = await done("build", "app", ...args);
    });
    const [layer, own] = (await manifestOf(at("hello:1"))).layers;
    const about = requests.filter(
      ({ url }) => url.includes(encodeURIComponent(layer?.digest ?? "?")) || url.includes(layer?.digest ?? "?"),
    );
    expect(about.map(({ method }) => method).filter((method) => method !== "HEAD" && method !== "POST")).toEqual([]);
    const sent = requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
    expect(sent).toBeLessThan(10_000);
    const { stderr = "" } = built ?? {};
    expect(stderr).toContain(`note: ${at("base:1")} is not in the store, and is asked for at ${server.host}\n`);
    expect(stderr).toMatch(/\nlayer {3}[0-9a-f]{12} +\d+ kB {2}diffID [0-9a-f]{12} {2}not read\nlayer .*\n/);
    expect(stderr).toMatch(
      new RegExp(
        `\\npushed {2}${at("hello:1")}\\nblobs {3}2 uploaded, 1 mounted {2}[\\d.]+ kB sent\\ntry {5}docker pull `,
      ),
    );
    expect(own).toBeDefined();
    expect([listing(temporary), existsSync(path("data"))]).toEqual([[], false]);
  });

  it("makes an index for the base's platforms, pushed under several names", async () => {
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    const names = ["-t", at("multi:1"), "-t", at("multi/other:1")];
    const built = await done("build", "app", ...names, "--from", `docker://${at("base:1")}`, ...platforms, "--push");
    for (const name of ["multi:1", "multi/other:1"]) {
      const { stdout } = await done("inspect", "--raw", at(name));
      expect(sha256(stdout)).toBe(digestIn(built));
      expect(JSON.parse(stdout).manifests).toHaveLength(2);
    }
  });

  it("takes this machine's platform of an index, and what it is asked for", async () => {
    await done("build", "app", "-t", at("one:1"), "--from", at("base:1"), "--platform", "linux/arm64", "--push");
    const { manifests } = JSON.parse((await done("inspect", "--json", at("one:1"))).stdout);
    expect(manifests.map(({ platform }: { platform: string }) => platform)).toEqual(["linux/arm64"]);
    const none = await run(
      "build",
      "app",
      "-t",
      at("x"),
      "--from",
      at("base:1"),
      "--platform",
      "linux/s390x",
      "--push",
    );
    expect(lastLine(none)).toMatch(
      /^slipway: Cannot build for linux\/s390x .*linux\/amd64, linux\/arm64 \(NOT_FOUND\)$/,
    );
  });

  it("reads the base's layers for an archive, for a store, and with --no-link", async () => {
    const base = ["--from", at("base:1"), "--platform", "linux/amd64"];
    await done("build", "app", "-t", "archived", ...base, "-o", "type=oci,dest=archived.tar");
    expect((await done("diff", "oci-archive:archived.tar", "--layers", "1")).stdout).toContain("+ /noise\n");
    const store = ["--store", path("kept")];
    await done("build", "app", "-t", "kept", ...base, ...store);
    expect((await done("diff", "kept", "--layers", "1", ...store)).stdout).toContain("+ /noise\n");
    // The same file as in the base: nothing to ship, once that is known.
    const unlinked = await done("build", "base", "-t", at("same:1"), ...base, "--no-link", "--push");
    expect(unlinked.stderr).not.toContain("not read\nlayer");
    expect((await manifestOf(at("same:1"))).layers).toHaveLength(1);
  });

  it("pushes and keeps with type=image,push=true, and sets no tag with push-by-digest", async () => {
    const store = ["--store", path("both")];
    await done("build", "app", "-t", at("both:1"), "-o", "type=image,push=true", ...store);
    expect((await done("ls", ...store)).stdout).toContain(at("both:1"));
    expect((await done("tags", at("both"))).stdout).toBe("1\n");
    const untagged = await done("build", "app", "-t", at("untagged"), "-o", "type=registry,push-by-digest=true");
    expect(untagged.stderr).toContain(`pushed  ${at("untagged")}@${digestIn(untagged)}\n`);
    expect(server.repositories.get("untagged")?.tags.size).toBe(0);
    await done("build", "app", "-t", at("flag:1"), "-o", "type=image", "--push", ...store);
    expect((await done("ls", ...store)).stdout).toContain(at("flag:1"));
  });

  it("prefers an image of the store, and says so", async () => {
    await done("build", "newer", "-t", at("base:1"), "--store", path("near"), "-q");
    const built = await done("build", "app", "-t", at("near:1"), "--from", at("base:1"), "--store", path("near"));
    expect(built.stderr).toContain(`note: ${at("base:1")} is taken from the store; docker://${at("base:1")} asks`);
    const near = ["--store", path("near"), "--platform", "linux/amd64"];
    expect((await done("diff", at("near:1"), "--layers", "1", ...near)).stdout).toContain("1 added");
  });
});

describe("push, pull and copy", () => {
  const store = ["--store", path("store")];
  beforeAll(async () => {
    await done("build", "base", "-t", at("pushed:1"), "-t", "plain:1", "--platform", "linux/amd64", ...store);
  });

  it("push what a registry lacks, and nothing twice", async () => {
    const first = await done("push", at("pushed:1"), ...store);
    expect(first.stdout).toMatch(
      new RegExp(
        `^image {3}${at("pushed:1")}\\ndigest {2}sha256:[0-9a-f]{64}\\nblobs {3}2 uploaded {2}\\d+ kB sent\\n$`,
      ),
    );
    const requests = await requestsOf(async () => {
      expect((await done("push", at("pushed:1"), ...store)).stdout).toContain("blobs   2 there already\n");
    });
    expect([...new Set(requests.map(({ method }) => method))]).toEqual(["HEAD"]);
  });

  it("push to several names, and print the digest with --quiet", async () => {
    const pushed = await done("push", "plain:1", at("x/a:1"), `docker://${at("x/b:2")}`, "-q", ...store);
    expect([pushed.stdout, pushed.stderr]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), ""]);
    for (const name of ["x/a:1", "x/b:2"]) {
      expect(`${sha256((await done("inspect", "--raw", at(name))).stdout)}\n`).toBe(pushed.stdout);
    }
  });

  it("push what has no name only where it is told", async () => {
    await done("build", "app", "-o", "type=oci,dest=nameless.tar");
    const refused = await run("push", "oci-archive:nameless.tar");
    expect([refused.status, lastLine(refused)]).toEqual([
      1,
      "slipway: Cannot push oci-archive:nameless.tar: it has no name; say where to: slipway push oci-archive:nameless.tar HOST/NAME:TAG (INVALID_ARGUMENT)",
    ]);
    await done("push", "oci-archive:nameless.tar", at("named:1"), "--by-digest");
    expect(server.repositories.get("named")?.tags.size).toBe(0);
    await done("push", "oci-archive:nameless.tar", at("named:1"));
    expect((await done("tags", at("named"), "--json")).stdout).toBe('[\n  "1"\n]\n');
  });

  it("pull one platform, or all, and only what is missing", async () => {
    const pulled = await done("pull", at("base:1"), "--platform", "linux/arm64", "-t", "mine:1", ...store);
    expect(pulled.stdout).toMatch(/^image {3}mine:1\ndigest .*\nblobs .* moved\nstore {3}.*\/store\n$/);
    const all = await done("pull", at("base:1"), "--all-platforms", ...store);
    expect(digestIn(all)).toBe(sha256((await done("inspect", "--raw", `docker://${at("base:1")}`)).stdout));
    const listed = (await done("ls", ...store)).stdout;
    expect(listed).toMatch(/^mine:1 .* linux\/arm64$/m);
    expect(listed).toMatch(/\/base:1 .* linux\/amd64, linux\/arm64$/m);
    const again = await requestsOf(() => done("pull", at("base:1"), "--all-platforms", ...store));
    expect(again.map(requestLine).filter((line) => /^GET .*\/blobs\//.test(line))).toEqual([]);
  });

  it("copy between registries, layouts and archives without changing a digest", async () => {
    const wanted = sha256((await done("inspect", "--raw", at("base:1"))).stdout);
    const places = [`docker://${at("copied:1")}`, "oci:layout:copied:2", "oci-archive:copied.tar", at("back:1")];
    let from = at("base:1");
    for (const to of places) {
      expect(digestIn(await done("copy", from, to))).toBe(wanted);
      from = to;
    }
    expect(sha256((await done("inspect", "--raw", at("back:1"))).stdout)).toBe(wanted);
    // Just a tag: the image keeps its name.
    const kept = await done("copy", at("base:1"), "oci:layout:3", "--platform", "linux/arm64");
    expect(kept.stdout).toContain(`image   ${at("base:3")}\n`);
    expect((await done("inspect", "oci:layout:3")).stdout).toContain("linux/arm64");
    await done("copy", at("base:1"), "docker-archive:deep/down/copied.tar:again:1", "--platform", "linux/amd64");
    expect((await done("inspect", "docker-archive:deep/down/copied.tar")).stdout).toContain(
      "docker.io/library/again:1",
    );
  });

  it("leave nothing of a copy that failed", async () => {
    expect((await run("copy", at("missing:1"), "oci:gone/layout:1")).stderr).toMatch(/\(NOT_FOUND\)\n$/);
    fault = ({ method, url }) => (method === "GET" && /blobs\/sha256/.test(url) ? { kind: "flip", at: 0 } : undefined);
    for (const to of ["oci:gone/layout:1", "oci-archive:gone/x.tar"]) {
      expect((await run("copy", at("base:1"), to)).stderr).toMatch(/\(DIGEST_MISMATCH\)\n$/);
    }
    fault = undefined;
    expect([existsSync(path("gone")), listing(temporary)]).toEqual([false, []]);
  });

  it("diff and inspect what is at a registry", async () => {
    const linux = ["--platform", "linux/amd64"];
    const { stdout } = await done("diff", at("base:1"), `docker://${at("base:2")}`, ...linux);
    expect(stdout).toBe("~ /greeting  content\n- /noise\n0 added, 1 modified, 1 removed\n");
    const requests = await requestsOf(() => done("inspect", at("base:1"), ...linux));
    expect(requests.filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual([]);
    // The index, the manifest and its config.
    expect(requests).toHaveLength(3);
  });
});

describe("rebase", () => {
  const bases = () => ["--old-base", at("base:1"), "--new-base", at("base:2")];
  beforeAll(async () => {
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    await done("build", "app", "-t", at("app:1"), "--from", at("base:1"), ...platforms, "--push");
  });

  it("puts the image's own layers onto the newer base, at the registry", async () => {
    const requests = await requestsOf(() => done("rebase", at("app:1"), ...bases(), "-t", at("app:2"), "--push"));
    expect(requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0)).toBeLessThan(20_000);
    const [before, after, base] = await Promise.all(["app:1", "app:2", "base:2"].map((name) => manifestOf(at(name))));
    expect(after?.layers[0]?.digest).toBe(base?.layers[0]?.digest);
    expect(after?.layers[1]?.digest).toBe(before?.layers[1]?.digest);
    expect(after?.annotations?.["org.opencontainers.image.base.name"]).toBe(at("base:2"));
    const report = JSON.parse((await done("inspect", "--json", at("app:2"))).stdout);
    expect(report.manifests[0].image.config.Env).toContain("LANG=de");
  });

  it("goes by the annotations where no base is named, and into the store", async () => {
    await done("rebase", at("app:1"), ...bases(), "-t", at("app:3"), "--push", "-q");
    const store = ["--store", path("rebased")];
    const { stdout } = await done("rebase", at("app:3"), "-t", "app:4", ...store);
    expect(stdout).toContain("image   app:4\n");
    expect((await done("diff", "app:4", "--layers", "2", "--platform", "linux/arm64", ...store)).stdout).toContain(
      "+ /run\n",
    );
  });

  it("refuses an image that is based on something else, or does not say on what", async () => {
    const wrong = ["--old-base", at("base:2"), "--new-base", at("base:1")];
    expect(lastLine(await run("rebase", at("app:1"), ...wrong, "-t", "x"))).toMatch(
      /^slipway: Cannot rebase .* it is not based on sha256:.*\(FAILED_PRECONDITION\)$/,
    );
    expect(lastLine(await run("rebase", at("app:1"), "-t", "x"))).toBe(
      `slipway: Cannot rebase ${at("app:1")}: say which base with --new-base IMAGE, as the image has no annotation org.opencontainers.image.base.name (INVALID_OPTION)`,
    );
    expect(existsSync(path("data"))).toBe(false);
  });
});

describe("an interrupted push", () => {
  const SIZE = 40_000_000;
  /** Without compression, which would take most of the time. */
  const pushing = ["--no-xattrs", "-o", "type=registry,compression=uncompressed"];
  mkdirSync(path("large"));
  writeFileSync(path("large/noise"), randomBytes(SIZE));

  /** Ends the command as soon as the registry is asked to take a second chunk. */
  async function interrupted(signal: NodeJS.Signals, args: readonly string[]): Promise<Ended> {
    let stop: (() => void) | undefined;
    let chunks = 0;
    fault = ({ method }) => {
      if (method === "PATCH" && ++chunks === 2) {
        stop?.();
        return { kind: "silence" };
      }
      return undefined;
    };
    const ended = await slipway(args, {
      env,
      cwd: path(),
      started: (child) => {
        stop = () => child.kill(signal);
      },
    });
    fault = undefined;
    return ended;
  }
  const sentBy = (requests: readonly RecordedRequest[]): number =>
    requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0);

  it("goes on where it was, however it ended, for builds too", async () => {
    const args = (name: string) => ["build", "large", "-t", at(name), ...pushing];
    for (const [name, signal] of [
      ["killed:1", "SIGKILL"],
      ["stopped:1", "SIGINT"],
    ] as const) {
      const ended = await interrupted(signal, args(name));
      expect(ended.status).not.toBe(0);
      if (signal === "SIGINT") {
        expect(ended.status).toBe(130);
        expect(lastLine(ended)).toBe(
          "slipway: Cannot build: interrupted; run it again, and it goes on with what was uploaded",
        );
      }
      const requests = await requestsOf(() => done(...args(name)));
      // The chunk that the registry had taken is not sent again.
      expect(sentBy(requests)).toBeLessThan(SIZE - 8_000_000);
      expect(sentBy(requests)).toBeGreaterThan(1_000_000);
    }
    // Nothing is left that was made only to remember the uploads.
    rmSync(temporary, { recursive: true });
    mkdirSync(temporary);
    expect(listing(path("data/slipway")).filter((name) => /uploads|blobs\/sha256\//.test(name))).toEqual([]);
  });

  it("of a store says that it can be run again", async () => {
    const store = ["--store", path("large-store")];
    const kept = ["-o", "type=image,compression=uncompressed", ...store];
    await done("build", "large", "-t", at("pushed-large:1"), "--no-xattrs", "-q", ...kept);
    const ended = await interrupted("SIGINT", ["push", at("pushed-large:1"), ...store]);
    expect([ended.status, lastLine(ended)]).toEqual([
      130,
      "slipway: Cannot push: interrupted; run it again, and it goes on with what was uploaded",
    ]);
    expect(sentBy(await requestsOf(() => done("push", at("pushed-large:1"), ...store)))).toBeLessThan(SIZE - 8_000_000);
  });

  it("works without a place to remember it, after a warning", async () => {
    writeFileSync(path("a-file"), "");
    const blocked = { ...env, XDG_DATA_HOME: path("a-file") };
    const args = ["build", "large", "-t", at("unremembered:1"), ...pushing];
    const warned = await slipway(args, { env: blocked, cwd: path() });
    expect([warned.status, warned.stderr]).toEqual([
      0,
      expect.stringContaining("warning: what is uploaded is not remembered, should it be interrupted: cannot make"),
    ]);
  });
});

describe("a registry that wants to be waited for", () => {
  it("is waited for, and it is said for how long and why", async () => {
    for (const args of [
      ["tags", at("base")],
      ["inspect", at("base:1")],
      ["copy", at("base:1"), at("waited:1"), "--progress", "plain"],
    ]) {
      let asked = 0;
      fault = () => (asked++ === 0 ? { kind: "answer", status: 429, headers: { "Retry-After": "1" } } : undefined);
      const { stderr } = await done(...args);
      fault = undefined;
      expect(stderr).toMatch(new RegExp(`waiting \\d+\\.\\d s for ${server.host} .*429`));
    }
  });
});

describe("credentials", () => {
  let closed: TestRegistry;
  beforeAll(async () => {
    closed = await startTestRegistry({ auth: { kind: "basic", username: "user", password: "s3cr3t" } });
  });
  afterAll(() => closed.stop());
  const login = (password: string): void => {
    mkdirSync(path("docker"), { recursive: true });
    const auth = Buffer.from(`user:${password}`).toString("base64");
    writeFileSync(path("docker/config.json"), JSON.stringify({ auths: { [closed.host]: { auth } } }));
  };

  it("are those of docker login, and what is wrong with them is said without them", async () => {
    const args = ["build", "app", "-t", `${closed.host}/x:1`, "--push"];
    const none = await run(...args);
    expect(lastLine(none)).toMatch(/^slipway: Cannot .* \(UNAUTHENTICATED\)$/);
    login("wr0ng-s3cr3t");
    const wrong = await run(...args);
    expect(lastLine(wrong)).toMatch(/^slipway: Cannot .* \(UNAUTHENTICATED\)$/);
    expect(wrong.stderr).not.toContain("wr0ng");
    login("s3cr3t");
    expect((await done(...args)).stderr).toContain(`pushed  ${closed.host}/x:1\n`);
    expect((await done("tags", `${closed.host}/x`)).stdout).toBe("1\n");
    writeFileSync(path("docker/config.json"), '{ "auths": ');
    expect(lastLine(await run("tags", `${closed.host}/x`))).toBe(
      `slipway: Cannot use the Docker config ${path("docker/config.json")}: it is not valid JSON (INVALID_DOCUMENT)`,
    );
    rmSync(path("docker"), { recursive: true });
  });
});

describe("docker-registry", () => {
  let daemon: RegistryDaemon;
  let guarded: RegistryDaemon;
  beforeAll(async () => {
    if (!hasTool(DOCKER_REGISTRY)) return;
    daemon = await startRegistry();
    guarded = await startRegistry({ htpasswd: HTPASSWD });
    await done("build", "base", "-t", `${daemon.host}/base:1`, "--platform", "linux/amd64,linux/arm64", "--push", "-q");
  });
  afterAll(() => Promise.all([daemon?.stop(), guarded?.stop()]));

  itWith([DOCKER_REGISTRY], "gets an image on a base of its own without a byte of the base", async () => {
    const { host } = daemon;
    const before = daemon.requests().length;
    await done(
      "build",
      "app",
      "-t",
      `${host}/hello:1`,
      "--from",
      `${host}/base:1`,
      "--platform",
      "linux/amd64",
      "--push",
    );
    const requests = daemon.requests().slice(before);
    const [layer] = (await manifestOf(`${host}/hello:1`)).layers;
    const hex = layer?.digest.slice("sha256:".length) ?? "?";
    const about = requests.filter((request) => request.includes(hex));
    expect(about.filter((request) => /^(GET|PATCH|PUT) /.test(request))).toEqual([]);
    expect(about).toContainEqual(expect.stringMatching(/^POST \/v2\/hello\/blobs\/uploads\/\?.*mount=.*from=base/));
  });

  itWith([DOCKER_REGISTRY, "skopeo"], "and skopeo agree on the index and each manifest", async () => {
    const { host } = daemon;
    const name = `${host}/index:1`;
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    await done("build", "app", "-t", name, "--from", `${host}/base:1`, ...platforms, "--push");
    const skopeo = (reference: string): string =>
      execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${reference}`], {
        encoding: "latin1",
      });
    const index = (await done("inspect", "--raw", name)).stdout;
    expect(index).toBe(skopeo(name));
    const { manifests } = JSON.parse(index) as { manifests: { digest: string; platform: { architecture: string } }[] };
    expect(manifests).toHaveLength(2);
    for (const { digest, platform } of manifests) {
      const raw = (await done("inspect", "--raw", name, "--platform", `linux/${platform.architecture}`)).stdout;
      expect([raw, sha256(raw)]).toEqual([skopeo(`${host}/index@${digest}`), digest]);
    }
  });

  itWith([DOCKER_REGISTRY], "with htpasswd lets in who has logged in", async () => {
    mkdirSync(path("docker"), { recursive: true });
    const auth = Buffer.from("user:secret").toString("base64");
    writeFileSync(path("docker/config.json"), JSON.stringify({ auths: { [guarded.host]: { auth } } }));
    await done("copy", `${daemon.host}/base:1`, `${guarded.host}/base:1`);
    expect((await done("tags", `${guarded.host}/base`)).stdout).toBe("1\n");
    rmSync(path("docker"), { recursive: true });
    expect(lastLine(await run("tags", `${guarded.host}/base`))).toMatch(/\(UNAUTHENTICATED\)$/);
  });

  const runtimes: Readonly<Record<string, readonly string[]>> = {
    node: [process.execPath, cli],
    deno: [`${root}/node_modules/.bin/deno`, "run", "-A", `${root}/src/cli/main.ts`],
    bun: [...BUN, `${root}/src/cli/main.ts`],
  };
  for (const [runtime, command] of Object.entries(runtimes)) {
    itWith([DOCKER_REGISTRY], `is pushed to and pulled from by ${runtime}`, async () => {
      const { host } = daemon;
      const options = { command, env: { ...env, XDG_DATA_HOME: path(`data-${runtime}`) }, cwd: path() };
      const name = `${host}/by-${runtime}:1`;
      const args = ["build", "app", "-t", name, "--from", `${host}/base:1`, "--platform", "linux/amd64", "--push"];
      const built = await slipway(args, options);
      expect([built.status, built.stderr]).toEqual([0, expect.stringContaining(`pushed  ${name}\n`)]);
      const pulled = await slipway(["pull", name, "--platform", "linux/amd64"], options);
      expect([pulled.status, digestIn(pulled)]).toEqual([0, digestIn(built)]);
      expect((await slipway(["diff", name, "--layers", "2"], options)).stdout).toContain("+ /run\n");
      const store = JSON.parse(readFileSync(path(`data-${runtime}/slipway/index.json`), "utf8"));
      expect(store.manifests).toHaveLength(1);
    });
  }
});
