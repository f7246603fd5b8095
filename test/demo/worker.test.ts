import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENTRY_LIMIT } from "../../demo/worker/src/settings.ts";
import { openR2, type R2BucketLike } from "../../src/cloudflare/index.ts";
import { collectGarbage } from "../../src/content/index.ts";
import { writeTar } from "../../src/tar/index.ts";
import { slipway, workspace } from "../cli/support/slipway.ts";
import { DOCKER_TOOLS, startDocker } from "../interop/support/docker.ts";
import { openPodman, PODMAN_TOOLS } from "../interop/support/podman.ts";
import { run } from "../interop/support/run.ts";
import { itWith } from "../support/tools.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const { path } = workspace();
const TOKEN = "a token of the tests";
const LIMIT = 1_000_000;
const authorized = { authorization: `Bearer ${TOKEN.replaceAll(" ", "-")}` };

let worker: Worker;
let folder: string;
let tar: Buffer;

beforeAll(async () => {
  folder = path("site");
  mkdirSync(join(folder, "srv/empty"), { recursive: true });
  writeFileSync(join(folder, "srv/index.html"), "<h1>hello</h1>\n".repeat(5000));
  writeFileSync(join(folder, "srv/serve"), "#!/bin/sh\necho served\n");
  chmodSync(join(folder, "srv/serve"), 0o755);
  symlinkSync("index.html", join(folder, "srv/home.html"));
  tar = execFileSync("tar", ["-C", folder, "-c", "."], { maxBuffer: 1 << 26 });
  worker = await startWorker(path("data"), LIMIT, ["--token", TOKEN.replaceAll(" ", "-")]);
  // What most tests look at: each of them can run alone.
  await digestOf(await post(`demo/site:1?${CONFIG}`, tar));
});

afterAll(async () => {
  await worker.stop();
});

const post = (name: string, body: Uint8Array, headers: Record<string, string> = authorized): Promise<Response> =>
  fetch(`${worker.origin}/images/${name}`, { method: "POST", body: new Uint8Array(body), headers });

async function digestOf(response: Response): Promise<string> {
  const text = await response.text();
  expect([response.status, text]).toEqual([201, expect.any(String)]);
  return (JSON.parse(text) as { readonly digest: string }).digest;
}

async function refusal(response: Response): Promise<readonly [number, string | undefined]> {
  expect(response.headers.get("content-type")).toBe("application/json");
  const { errors } = (await response.json()) as { readonly errors: readonly { code: string; message: string }[] };
  expect(errors[0]?.message).toMatch(/^Cannot /);
  return [response.status, errors[0]?.code];
}

/** What the bucket has, as the Worker can tell. */
async function names(): Promise<readonly string[]> {
  const { images } = (await (await fetch(`${worker.origin}/images`)).json()) as {
    readonly images: readonly { readonly name: string }[];
  };
  return images.map(({ name }) => name);
}

/** Of all that was posted and refused the bucket has no bytes, no ingest and no lease. */
async function nothingIsLeftOver(): Promise<void> {
  const script = "export default { fetch() { return new Response(); } }";
  const options = { r2Buckets: ["BUCKET"], r2Persist: path("data"), cf: false } as const;
  const miniflare = new Miniflare({ ...options, modules: true, script, compatibilityDate: "2026-04-01" });
  try {
    // The types of miniflare stand for types that are not installed.
    const bucket = (await miniflare.getR2Bucket("BUCKET")) as unknown as R2BucketLike;
    const keys = async (prefix: string) => (await bucket.list({ prefix })).objects.map(({ key }) => key);
    expect(await keys("ingests/")).toEqual([]);
    expect(await keys("leases/")).toEqual([]);
    // Of the images of this test no blob is so large that it does not stand in its record.
    expect(await keys("data/")).toEqual([]);
    const { content, images } = openR2(bucket);
    const roots = async () => (await images.list()).map(({ target }) => target);
    const { removed } = await collectGarbage({ content, roots, dryRun: true });
    expect(removed).toEqual([]);
  } finally {
    await miniflare.dispose();
  }
}

const CONFIG =
  "entrypoint=%2Fsrv%2Fserve&cmd=a+%22b+c%22&env=A%3D1&env=B%3D2&workdir=%2Fsrv&user=1000&label=k%3Dv&expose=8080";
const FLAGS = ["--entrypoint", "/srv/serve", "--cmd", 'a "b c"', "--env", "A=1", "--env", "B=2", "--workdir", "/srv"];
FLAGS.push("--user", "1000", "--label", "k=v", "--expose", "8080", "--platform", "linux/amd64");

async function digestOfCommandLine(name: string): Promise<string> {
  const metadata = path("metadata.json");
  const built = await slipway(
    ["build", folder, "-t", name, ...FLAGS, "-o", `type=oci,dest=${path("cli.tar")}`, "--metadata-file", metadata],
    {},
  );
  expect(built).toMatchObject({ status: 0 });
  return JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"];
}

describe("the Worker", () => {
  it("makes the image that the command line makes of the same files, from a tar or a tar.gz", async () => {
    const expected = await digestOfCommandLine("demo/site:1");
    expect(await digestOf(await post(`demo/site:1?${CONFIG}`, tar))).toBe(expected);
    expect(await digestOf(await post(`demo/site:2?${CONFIG}`, gzipSync(tar)))).toBe(expected);
    expect(await names()).toEqual(["docker.io/demo/site:1", "docker.io/demo/site:2"]);
    const shown = await (await fetch(`${worker.origin}/images/demo/site:1`)).json();
    expect(shown).toMatchObject({ name: "docker.io/demo/site:1", digest: expected, document: { schemaVersion: 2 } });
  });

  it("sends archives under a file name, and refuses formats that there are not", async () => {
    for (const format of ["docker", "oci", "both"]) {
      const response = await fetch(`${worker.origin}/images/demo/site:1/archive?format=${format}`);
      expect(response.headers.get("content-disposition")).toBe('attachment; filename="site-1.tar"');
      writeFileSync(path("archive.tar"), new Uint8Array(await response.arrayBuffer()));
      const entries = execFileSync("tar", ["-tf", path("archive.tar")], { encoding: "utf8" });
      expect([entries.includes("manifest.json"), entries.includes("index.json")]).toEqual([
        format !== "oci",
        format !== "docker",
      ]);
    }
    const wrong = await fetch(`${worker.origin}/images/demo/site:1/archive?format=zip`);
    expect(await refusal(wrong)).toEqual([400, "INVALID_OPTION"]);
  });

  it("speaks the pull half of the distribution specification", async () => {
    const v2 = `${worker.origin}/v2/`;
    expect((await fetch(v2)).headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    const manifest = await fetch(`${v2}demo/site/manifests/1`);
    const digest = manifest.headers.get("docker-content-digest");
    expect(manifest.headers.get("content-type")).toBe("application/vnd.oci.image.manifest.v1+json");
    const bytes = new Uint8Array(await manifest.arrayBuffer());
    for (const reference of ["1", digest]) {
      const head = await fetch(`${v2}demo/site/manifests/${reference}`, { method: "HEAD" });
      expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.byteLength)]);
      expect(head.headers.get("docker-content-digest")).toBe(digest);
      expect(head.headers.get("content-type")).toBe("application/vnd.oci.image.manifest.v1+json");
    }
    const { layers } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly layers: readonly { readonly digest: string; readonly size: number }[];
    };
    const blob = `${v2}demo/site/blobs/${layers[0]?.digest}`;
    const head = await fetch(blob, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(layers[0]?.size));
    const whole = new Uint8Array(await (await fetch(blob)).arrayBuffer());
    expect(whole.byteLength).toBe(layers[0]?.size);
    for (const [range, start, end] of [
      ["bytes=10-19", 10, 20],
      ["bytes=100-", 100, whole.byteLength],
      ["bytes=-7", whole.byteLength - 7, whole.byteLength],
    ] as const) {
      const part = await fetch(blob, { headers: { range } });
      expect([part.status, part.headers.get("content-range")]).toEqual([
        206,
        `bytes ${start}-${end - 1}/${whole.byteLength}`,
      ]);
      expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(start, end));
    }
    const behind = await fetch(blob, { headers: { range: `bytes=${whole.byteLength}-` } });
    expect(await refusal(behind)).toEqual([416, "SIZE_INVALID"]);
  });

  it("gives no answer that a browser could take for a page", async () => {
    const { digest } = (await (await fetch(`${worker.origin}/images/demo/site:1`)).json()) as { digest: string };
    const none = `sha256:${"0".repeat(64)}`;
    const types = new Map<string, string | null>();
    for (const path of [
      "/",
      "/v2",
      "/v2/",
      "/v2/demo/site/manifests/1",
      `/v2/demo/site/manifests/${digest}`,
      `/v2/demo/site/manifests/${none}`,
      `/v2/demo/site/blobs/${digest}`,
      `/v2/demo/site/blobs/${none}`,
      "/v2/demo/site/tags/list",
      "/v2/%E0%A4%A/tags/list",
      "/v2/%3Cscript%3E/manifests/1",
      "/images",
      "/images/demo/site:1",
      "/images/demo/absent:1",
      "/images/demo/site:1/archive",
      "/images/demo/site:1/archive?format=%3Cscript%3E",
      "/registry/docker.io/v2/",
    ]) {
      for (const method of ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]) {
        const range = method === "GET" && path.includes("/blobs/") ? { range: "bytes=0-1" } : {};
        const response = await fetch(worker.origin + path, { method, headers: range, redirect: "manual" });
        const { headers } = response;
        await response.arrayBuffer();
        expect([method, path, headers.get("content-security-policy"), headers.get("x-content-type-options")]).toEqual([
          method,
          path,
          "default-src 'none'; sandbox",
          "nosniff",
        ]);
        if (method === "GET") types.set(`${response.status} ${path}`, headers.get("content-type"));
      }
    }
    expect(new Set(types.values())).toEqual(
      new Set([
        null,
        "application/json",
        "application/octet-stream",
        "application/vnd.oci.image.manifest.v1+json",
        "application/x-tar",
      ]),
    );
    // What has no body has no type.
    expect([...types].filter(([, type]) => type === null).map(([answer]) => answer)).toEqual(["301 /v2"]);
  });

  it("lists tags a page at a time", async () => {
    const list = async (query: string) => {
      const response = await fetch(`${worker.origin}/v2/demo/site/tags/list${query}`);
      return [((await response.json()) as { tags: unknown }).tags, response.headers.get("link")];
    };
    expect(await list("")).toEqual([["1", "2"], null]);
    expect(await list("?n=1")).toEqual([["1"], '</v2/demo/site/tags/list?n=1&last=1>; rel="next"']);
    expect(await list("?n=1&last=1")).toEqual([["2"], null]);
    expect(await list("?n=0")).toEqual([[], null]);
  });

  it.each([
    ["manifests/absent", 404, "MANIFEST_UNKNOWN"],
    [`manifests/sha256:${"0".repeat(64)}`, 404, "MANIFEST_UNKNOWN"],
    [`blobs/sha256:${"0".repeat(64)}`, 404, "BLOB_UNKNOWN"],
    ["blobs/sha256:..%2F..%2Fetc", 404, "UNSUPPORTED"],
    ["blobs/sha256:abc", 400, "DIGEST_INVALID"],
    ["tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"],
    ["manifests/UP%20PER", 400, "NAME_INVALID"],
    ["referrers/x", 404, "UNSUPPORTED"],
  ])("answers /v2/demo/site/%s with %d %s", async (item, status, code) => {
    expect(await refusal(await fetch(`${worker.origin}/v2/demo/site/${item}`))).toEqual([status, code]);
  });

  it("refuses to be pushed to, and other methods, and says what will do", async () => {
    for (const [method, where, allow] of [
      ["POST", "/v2/demo/site/blobs/uploads/", "GET, HEAD"],
      ["DELETE", "/images", "GET, HEAD"],
      ["PUT", "/images/demo/site:1", "GET, HEAD, POST, DELETE"],
    ] as const) {
      const response = await fetch(worker.origin + where, { method, headers: authorized });
      expect([response.headers.get("allow"), await refusal(response)]).toEqual([allow, [405, "UNSUPPORTED"]]);
    }
    expect(await refusal(await fetch(`${worker.origin}/else`))).toEqual([404, "NOT_FOUND"]);
    expect(await refusal(await fetch(`${worker.origin}/v2/absent/tags/list`))).toEqual([404, "NAME_UNKNOWN"]);
  });

  it("lets nobody write without the token", async () => {
    const none = await post("demo/none:1", tar, {});
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="slipway"');
    expect(await refusal(none)).toEqual([401, "UNAUTHORIZED"]);
    for (const wrong of ["Bearer wrong", `Bearer ${TOKEN}`]) {
      expect(await refusal(await post("demo/none:1", tar, { authorization: wrong }))).toEqual([403, "DENIED"]);
    }
    const removal = await fetch(`${worker.origin}/images/demo/site:1`, { method: "DELETE" });
    expect(await refusal(removal)).toEqual([401, "UNAUTHORIZED"]);
    const open = await startWorker(path("no-token"), LIMIT, ["--token", ""]);
    try {
      const response = await fetch(`${open.origin}/images/demo/none:1`, {
        method: "POST",
        body: new Uint8Array(tar),
        headers: authorized,
      });
      expect(await refusal(response)).toEqual([403, "DENIED"]);
    } finally {
      await open.stop();
    }
  });

  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  it.each<readonly [string, string, () => Uint8Array, number, string]>([
    ["a name that is none", "Demo/BAD:1", () => tar, 400, "INVALID_REFERENCE"],
    ["a digest for a name", `demo/x@sha256:${"0".repeat(64)}`, () => tar, 400, "INVALID_REFERENCE"],
    ["a word that there is not", "demo/x:1?entrypiont=x", () => tar, 400, "INVALID_OPTION"],
    ["a word twice", "demo/x:1?user=a&user=b", () => tar, 400, "INVALID_OPTION"],
    ["a variable without a value", "demo/x:1?env=A", () => tar, 400, "INVALID_OPTION"],
    ["a platform that is none", "demo/x:1?platform=a/b/c/d", () => tar, 400, "INVALID_PLATFORM"],
    ["no body", "demo/x:1", () => text(""), 400, "INVALID_TAR"],
    ["a body that is no tar", "demo/x:1", () => text("this is no tar".repeat(100)), 400, "INVALID_TAR"],
    ["a tar that is cut off", "demo/x:1", () => tar.subarray(0, tar.byteLength >> 1), 400, "INVALID_TAR"],
    ["a gzip that is cut off", "demo/x:1", () => gzipSync(tar).subarray(0, -50), 400, "INVALID_COMPRESSION"],
    ["a body that is too large", "demo/x:1", () => Buffer.alloc(LIMIT + 1), 413, "SIZE_INVALID"],
    ["a gzip that unpacks to too much", "demo/x:1", () => gzipSync(Buffer.alloc(4 * LIMIT)), 400, "INVALID_TAR"],
  ])("refuses %s, and keeps nothing of it", async (_what, name, body, status, code) => {
    const before = await names();
    expect(await refusal(await post(name, body()))).toEqual([status, code]);
    expect(await names()).toEqual(before);
  });

  it("refuses more entries than two builds have room for at once, directories that are only implied among them", async () => {
    const entries = Array.from({ length: Math.ceil(ENTRY_LIMIT / 255) }, (_, i) => ({
      header: {
        name: `${i}/${"a/".repeat(254)}f`,
        type: "file",
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
      } as const,
    }));
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeTar(entries)) chunks.push(chunk.slice());
    const response = await post("demo/x:1", Buffer.concat(chunks));
    const text = await response.clone().text();
    expect(await refusal(response)).toEqual([400, "INVALID_TAR"]);
    expect(text).toContain(`more than the ${ENTRY_LIMIT} entries`);
    await digestOf(await post("demo/after:1", tar));
  }, 60_000);

  it("lets two post one name at once: both succeed, and one of them stands", async () => {
    const other = execFileSync("tar", ["-C", join(folder, "srv"), "-c", "."], { maxBuffer: 1 << 26 });
    const digests = await Promise.all(
      [tar, other, tar, other].map(async (body) => digestOf(await post("demo/race:1", body))),
    );
    expect(new Set(digests).size).toBe(2);
    const { digest } = (await (await fetch(`${worker.origin}/images/demo/race:1`)).json()) as { digest: string };
    expect(digests).toContain(digest);
  });

  it("forgets an image, and what only it needed", async () => {
    const digest = await digestOf(await post("demo/gone:1?label=only=here", tar));
    const gone = await fetch(`${worker.origin}/images/demo/gone:1`, { method: "DELETE", headers: authorized });
    expect(gone.status).toBe(204);
    expect((await fetch(`${worker.origin}/images/demo/gone:1`)).status).toBe(404);
    expect((await fetch(`${worker.origin}/v2/demo/gone/manifests/${digest}`)).status).toBe(404);
    expect((await fetch(`${worker.origin}/v2/demo/site/manifests/1`)).status).toBe(200);
    const again = await fetch(`${worker.origin}/images/demo/gone:1`, { method: "DELETE", headers: authorized });
    expect(await refusal(again)).toEqual([404, "NOT_FOUND"]);
  });

  itWith(["skopeo"], "is copied from by skopeo, with the command line's digest", async () => {
    const expected = await digestOfCommandLine("demo/site:1");
    const image = `docker://${worker.host}/demo/site:1`;
    await run("skopeo", ["copy", "--src-tls-verify=false", image, `oci:${path("skopeo")}:1`]);
    const index = JSON.parse(readFileSync(path("skopeo", "index.json"), "utf8"));
    expect(index.manifests[0].digest).toBe(expected);
  });

  itWith(["root", ...DOCKER_TOOLS], "is pulled from by docker, which loads its archive, too", async () => {
    const expected = await digestOfCommandLine("demo/site:1");
    const { docker, stop } = await startDocker(path("docker"));
    try {
      const name = `${worker.host}/demo/site:1`;
      const { stdout } = await docker(["pull", name]);
      expect(stdout).toContain(`Digest: ${expected}`);
      const archive = await fetch(`${worker.origin}/images/demo/site:1/archive?format=docker`);
      writeFileSync(path("docker.tar"), new Uint8Array(await archive.arrayBuffer()));
      const { stdout: loaded } = await docker(["load", "-i", path("docker.tar")]);
      expect(loaded).toContain("Loaded image: demo/site:1");
      const idOf = async (image: string) => (await docker(["inspect", "--format", "{{.Id}}", image])).stdout;
      expect(await idOf("demo/site:1")).toBe(await idOf(name));
    } finally {
      await stop();
    }
  });

  itWith(["root", ...PODMAN_TOOLS], "is pulled from by podman", async () => {
    const expected = await digestOfCommandLine("demo/site:1");
    const { podman, stop } = await openPodman(path("podman"));
    try {
      const name = `${worker.host}/demo/site:1`;
      await podman(["pull", "--tls-verify=false", name]);
      const { stdout } = await podman(["inspect", "--format", "{{.Digest}}", name]);
      expect(stdout.trim()).toBe(expected);
    } finally {
      await stop();
    }
  });

  it("has everything still when it is started again", async () => {
    const before = await names();
    await worker.stop();
    await nothingIsLeftOver();
    worker = await startWorker(path("data"), LIMIT, ["--token", TOKEN.replaceAll(" ", "-")]);
    expect(await names()).toEqual(before);
    expect(before).toContain("docker.io/demo/site:1");
  });
});
