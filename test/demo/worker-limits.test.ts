import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { R2BucketLike } from "../../src/cloudflare/index.ts";
import { workspace } from "../cli/support/slipway.ts";
import { StrictBucket, type StrictOptions } from "../cloudflare/strict/strict-bucket.ts";
import { VirtualTimers } from "../cloudflare/strict/virtual-timers.ts";

interface Env {
  readonly BUCKET: R2BucketLike;
  readonly WRITE_TOKEN: string;
  readonly CALL_LIMIT?: string;
}

interface Handler {
  fetch(request: Request, env: Env): Promise<Response>;
}

const { path } = workspace();
const TOKEN = "token";
const FREE_PLAN = 1000;
let worker: Handler;
let timers: VirtualTimers;

beforeAll(async () => {
  const demo = join(import.meta.dirname, "../../demo/worker");
  const { bundleWorker } = (await import(pathToFileURL(join(demo, "bundle.js")).href)) as {
    readonly bundleWorker: (entry: string) => Promise<string>;
  };
  writeFileSync(path("worker.mjs"), await bundleWorker(join(demo, "worker.ts")));
  ({ default: worker } = (await import(pathToFileURL(path("worker.mjs")).href)) as { readonly default: Handler });
});

/** The Worker has no other clock. */
beforeEach(() => {
  timers = new VirtualTimers();
  const cancels = new Map<number, () => void>();
  vi.spyOn(Date, "now").mockImplementation(() => timers.now());
  vi.stubGlobal("setTimeout", (call: () => void, milliseconds: number) => {
    const id = cancels.size + 1;
    cancels.set(id, timers.after(milliseconds, call));
    return id;
  });
  vi.stubGlobal("clearTimeout", (id: number) => cancels.get(id)?.());
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

let folders = 0;

/** So many files that do not compress. */
function tarOf(files: number): Buffer {
  const folder = path(`files-${folders++}`);
  mkdirSync(folder);
  for (let i = 0; i < files; i++) writeFileSync(join(folder, `file-${i}`), randomBytes(files > 100 ? 100 : 10_000 + i));
  return execFileSync("tar", ["-C", folder, "-c", "."], { maxBuffer: 1 << 28 });
}

class Site {
  readonly bucket: StrictBucket;

  constructor(options: StrictOptions = {}) {
    this.bucket = new StrictBucket(timers, options);
  }

  ask(method: string, where: string, body?: Buffer, env: Partial<Env> = {}): Promise<Response> {
    const init = { method, headers: { authorization: `Bearer ${TOKEN}` } };
    const request = new Request(
      `http://worker.example.com${where}`,
      body === undefined ? init : { ...init, body: new Uint8Array(body) },
    );
    return worker.fetch(request, { BUCKET: this.bucket.binding(FREE_PLAN), WRITE_TOKEN: TOKEN, ...env });
  }

  async post(name: string, body: Buffer): Promise<number> {
    return (await this.ask("POST", `/images/${name}`, body)).status;
  }

  /** Bytes of all blobs, which must be what their digests say. */
  async pull(name: string, tag: string): Promise<number> {
    const manifest = await this.ask("GET", `/v2/${name}/manifests/${tag}`);
    if (manifest.status !== 200) throw new Error(`${name}:${tag} is not there: ${manifest.status}`);
    const document = (await manifest.json()) as {
      readonly config: { readonly digest: string };
      readonly layers: readonly { readonly digest: string }[];
    };
    let size = 0;
    for (const { digest } of [document.config, ...document.layers]) {
      const blob = await this.ask("GET", `/v2/${name}/blobs/${digest}`);
      const bytes = new Uint8Array(await blob.arrayBuffer());
      expect([blob.status, `sha256:${createHash("sha256").update(bytes).digest("hex")}`]).toEqual([200, digest]);
      size += bytes.byteLength;
    }
    return size;
  }
}

const ten = [...Array(10).keys()];
const statuses = (values: readonly number[]): readonly number[] => [...new Set(values)].sort();

describe("the Worker in a bucket that keeps to R2's limits", () => {
  it("writes to no key twice in a second to build an image, and needs no second for it", async () => {
    const site = new Site({ deletesCount: false });
    const before = timers.now();
    expect(await site.post("demo/site:1", tarOf(6))).toBe(201);
    expect(timers.now() - before).toBeLessThan(1000);
    expect(site.bucket.refused).toEqual([]);
    expect(await site.pull("demo/site", "1")).toBeGreaterThan(60_000);
    expect(site.bucket.keys.filter((key) => /^(leases|ingests|locks|sweeps)\//.test(key))).toEqual([]);
    expect(site.bucket.mostOpen).toBeLessThanOrEqual(6);
  });

  for (const deletesCount of [true, false]) {
    it(`builds ten images at once${deletesCount ? ", even if deletions count as writes" : ""}`, async () => {
      const site = new Site({ deletesCount });
      expect(statuses(await Promise.all(ten.map((i) => site.post(`demo/site${i}:1`, tarOf(6)))))).toEqual([201]);
      expect(site.bucket.refused).toEqual([]);
      for (const i of ten) expect(await site.pull(`demo/site${i}`, "1")).toBeGreaterThan(60_000);
    });

    it(`builds one image ten times at once${deletesCount ? ", even if deletions count as writes" : ""}`, async () => {
      const site = new Site({ deletesCount });
      const tar = tarOf(6);
      expect(statuses(await Promise.all(ten.map(() => site.post("demo/site:1", tar))))).toEqual([201]);
      expect(await site.pull("demo/site", "1")).toBeGreaterThan(60_000);
      expect(site.bucket.keys.filter((key) => /^(leases|ingests)\//.test(key))).toEqual([]);
      expect(site.bucket.keys.filter((key) => key.startsWith("data/")).length).toBe(1);
    });
  }

  it("gives one name to ten images at once, and has the last of them", async () => {
    const site = new Site();
    const before = timers.now();
    expect(statuses(await Promise.all(ten.map(() => site.post("demo/site:1", tarOf(6)))))).toEqual([201]);
    expect(timers.now() - before).toBeLessThan(40_000);
    expect(await site.pull("demo/site", "1")).toBeGreaterThan(60_000);
  });

  it("loses no image beside deletions, whatever R2 does", async () => {
    for (const seed of [1, 2, 3]) {
      const faults = seed === 1 ? {} : { faults: { seed, fails: 0.01, losesAnswer: 0.01, slow: 0.002 } };
      const site = new Site({ deletesCount: seed !== 2, ...faults });
      const old = ten.map(() => tarOf(2));
      await Promise.all(old.map((tar, i) => site.post(`old/x:${i}`, tar)));
      const deletions: Promise<number>[] = [];
      const posts: Promise<number>[] = [];
      for (const i of [...Array(20).keys()]) {
        // Every other one is what has just been deleted, or is about to be.
        posts.push(site.post(`new/x:${i}`, (i % 2 === 0 ? old[i / 2] : undefined) ?? tarOf(2)));
        await timers.sleep(30);
        if (i % 2 === 1) {
          deletions.push(site.ask("DELETE", `/images/old/x:${(i - 1) / 2}`).then(({ status }) => status));
        }
      }
      const allowed = seed === 1 ? [201, 204] : [201, 204, 404, 500, 503];
      const results = await Promise.all(posts);
      for (const status of [...results, ...(await Promise.all(deletions))]) expect(allowed).toContain(status);
      for (const [i, status] of results.entries()) {
        if (status === 201) expect(await site.pull("new/x", String(i))).toBeGreaterThan(20_000);
      }
      expect(results.filter((status) => status === 201).length).toBeGreaterThan(10);
    }
  });

  it("says that it is busy, and when to come again, if the bucket is", async () => {
    const site = new Site();
    const busy = (): Promise<never> =>
      Promise.reject(new Error("put: Reduce your concurrent request rate for the same object. (10058)"));
    const response = await site.ask("POST", "/images/demo/site:1", tarOf(2), {
      BUCKET: { ...site.bucket.binding(), put: busy },
    });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  });

  it("ends with an error that says so where it may not make enough calls", async () => {
    const site = new Site();
    const response = await site.ask("POST", "/images/demo/site:1", tarOf(6), { CALL_LIMIT: "12" });
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("its callLimit is 12")]);
  });

  it("needs so many calls", async () => {
    const lines: string[] = [];
    for (const [files, most] of [
      [10, 30],
      [1000, 30],
      [10_000, 60],
    ] as const) {
      const site = new Site({ deletesCount: false });
      expect(await site.post("demo/site:1", tarOf(files))).toBe(201);
      const counts = new Map<string, number>();
      for (const { kind } of site.bucket.calls) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const count = (...kinds: readonly string[]): number =>
        kinds.reduce((sum, kind) => sum + (counts.get(kind) ?? 0), 0);
      const total = site.bucket.calls.length;
      const classB = count("head", "get");
      const free = count("delete", "abortMultipartUpload");
      const kinds = [...counts].map(([kind, number]) => `${kind} ${number}`).join(", ");
      lines.push(`| ${files} | ${total} | ${total - classB - free} | ${classB} | ${free} | ${kinds} |`);
      expect(total).toBeLessThan(most);
      expect(site.bucket.refused).toEqual([]);
    }
    console.log(
      ["| files | calls | class A | class B | free | kinds |", "|---|---|---|---|---|---|", ...lines].join("\n"),
    );
  });
});
