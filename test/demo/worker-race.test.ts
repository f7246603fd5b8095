import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { workspace } from "../cli/support/slipway.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const { path } = workspace();
const headers = { authorization: "Bearer token" };

/** Images that are built; `SLIPWAY_RACE=500` for more. */
const IMAGES = Number(process.env.SLIPWAY_RACE ?? 40);
/** Requests under way at a time, and images that are there before one is deleted. */
const AT_ONCE = 10;
const STANDING = 20;

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker(path("data"), 1_000_000, ["--token", "token"]);
});
afterAll(async () => {
  await worker.stop();
});

let folders = 0;

function tarOf(bytes: Buffer): Uint8Array {
  const folder = path(`site-${folders++}`);
  mkdirSync(folder);
  writeFileSync(`${folder}/file`, bytes);
  return new Uint8Array(execFileSync("tar", ["-C", folder, "--mtime=@0", "-c", "."], { maxBuffer: 1 << 26 }));
}

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
}

/** Each over a connection of its own: one that is kept may be closed by the other side just when it is used again. */
function ask(method: string, path: string, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(worker.origin + path, { method, headers, agent: false });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }));
    });
    sent.end(body);
  });
}

/** Undefined if all of the image is there. */
async function lost(tag: number): Promise<string | undefined> {
  const manifest = await ask("GET", `/v2/race/x/manifests/${tag}`);
  if (manifest.status !== 200) return `manifest of ${tag}: ${manifest.status}`;
  const { config, layers } = JSON.parse(manifest.bytes.toString()) as {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  };
  for (const { digest } of [config, ...layers]) {
    const { status, bytes } = await ask("GET", `/v2/race/x/blobs/${digest}`);
    const actual = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    if (status !== 200 || actual !== digest) return `blob ${digest} of ${tag}: ${status}`;
  }
  return undefined;
}

describe("the Worker, building and deleting at once", () => {
  it("loses no image", { timeout: 1_200_000 }, async () => {
    // Some are of the very content that is just being deleted.
    const contents = Array.from({ length: 8 }, (_, i) => tarOf(randomBytes(i % 2 === 0 ? 1000 : 60_000)));
    const own = (): Uint8Array => tarOf(randomBytes(2000));
    const problems: string[] = [];
    const standing: number[] = [];
    let next = 0;
    let deleted = 0;
    const post = async (tag: number, body: Uint8Array): Promise<void> => {
      const { status, bytes } = await ask("POST", `/images/race/x:${tag}`, body);
      if (status === 201) standing.push(tag);
      else problems.push(`POST of ${tag}: ${status} ${bytes}`);
    };
    const work = async (): Promise<void> => {
      while (next < IMAGES) {
        const tag = next++;
        const body = (tag % 2 === 0 ? contents[(tag / 2) % contents.length] : undefined) ?? own();
        await post(tag, body);
        const old = standing.length > STANDING ? standing.shift() : undefined;
        if (old === undefined) continue;
        const missing = await lost(old);
        if (missing !== undefined) problems.push(missing);
        const removal = await ask("DELETE", `/images/race/x:${old}`);
        if (removal.status === 204) deleted++;
        else problems.push(`DELETE of ${old}: ${removal.status} ${removal.bytes}`);
      }
    };
    const begin = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    for (const tag of standing) {
      const missing = await lost(tag);
      if (missing !== undefined) problems.push(missing);
    }
    const seconds = Math.round((performance.now() - begin) / 1000);
    console.log(`${IMAGES} images built, ${deleted} deleted, ${problems.length} problems in ${seconds} s`);
    expect(problems).toEqual([]);
    expect(deleted).toBeGreaterThanOrEqual(IMAGES - STANDING - AT_ONCE);
  });
});
