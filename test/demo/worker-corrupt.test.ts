import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { get, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryDirectory, temporaryRoot } from "../support/temporary.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const TOKEN = "token-of-the-tests";
const SIZE = 700_000;

let worker: Worker;
let data: string;
let layer: { readonly digest: string; readonly size: number };

beforeAll(async () => {
  data = join(temporaryRoot(), "data");
  const files = temporaryDirectory();
  mkdirSync(join(files, "srv"));
  writeFileSync(join(files, "srv/random"), randomBytes(SIZE));
  const tar = execFileSync("tar", ["-C", files, "-c", "."], { maxBuffer: 1 << 26 });
  worker = await startWorker(data, 4_000_000, ["--token", TOKEN]);
  const response = await fetch(`${worker.origin}/images/demo/corrupt:1`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}` },
    body: new Uint8Array(tar),
  });
  const { manifests } = (await response.json()) as {
    readonly manifests: readonly { readonly layers: readonly { readonly digest: string; readonly size: number }[] }[];
  };
  const [first] = manifests[0]?.layers ?? [];
  if (first === undefined) throw new Error("the image has no layer");
  layer = first;
});
afterAll(async () => {
  await worker?.stop();
});

/** The file in which the bucket keeps the layer's bytes. */
function objectOfLayer(): string {
  const paths = readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const found = paths.find((path) => statSync(path).size === layer.size);
  if (found === undefined) throw new Error(`no object of ${layer.size} bytes among ${paths.length}`);
  return found;
}

/** Other bytes at some place of a file, while `work` runs. */
async function damaged(at: number, count: number, work: () => Promise<void>): Promise<void> {
  const path = objectOfLayer();
  const before = readFileSync(path).subarray(at, at + count);
  const overwrite = (bytes: Uint8Array): void => {
    const file = openSync(path, "r+");
    writeSync(file, bytes, 0, bytes.byteLength, at);
    closeSync(file);
  };
  overwrite(before.map((byte) => byte ^ 0xff));
  try {
    await work();
  } finally {
    overwrite(before);
  }
}

interface Transfer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: number;
  readonly digest: string;
  /** Whether the connection was ended as the protocol wants it. */
  readonly complete: boolean;
}

/** As clients see it that look at the bytes on the wire. */
function transfer(path: string, headers: Record<string, string> = {}): Promise<Transfer> {
  return new Promise((resolve, reject) => {
    get(worker.origin + path, { headers, agent: false }, (response) => {
      const hash = createHash("sha256");
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.byteLength;
        hash.update(chunk);
      });
      const done = (): void =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          bytes,
          digest: `sha256:${hash.digest("hex")}`,
          complete: response.complete,
        });
      response.on("error", () => undefined).on("close", done);
    }).on("error", reject);
  });
}

describe("a layer of which the bucket has other bytes", () => {
  const blob = (): string => `/v2/demo/corrupt/blobs/${layer.digest}`;
  const archive = "/images/demo/corrupt:1/archive";

  it.each<readonly [string, () => number]>([
    ["at its beginning", () => 0],
    ["in its middle", () => layer.size >> 1],
    ["at its end", () => layer.size - 3],
  ])("is no complete transfer: %s", async (_where, at) => {
    await damaged(at(), 3, async () => {
      const broken = await transfer(blob());
      expect([broken.status, broken.headers["content-length"]]).toEqual([200, String(layer.size)]);
      expect(broken.bytes).toBeLessThan(layer.size);
      expect(broken.complete).toBe(false);
      await expect(fetch(worker.origin + blob()).then((response) => response.arrayBuffer())).rejects.toThrow();
      const tar = await transfer(archive);
      expect([tar.status, tar.complete]).toEqual([200, false]);
      expect(tar.bytes).toBeLessThan(Number(tar.headers["content-length"]));
    });
    // It is the bytes that were wrong, and nothing else.
    const whole = await transfer(blob());
    expect([whole.status, whole.bytes, whole.digest, whole.complete]).toEqual([200, layer.size, layer.digest, true]);
    expect(whole.headers["content-length"]).toBe(String(layer.size));
    expect((await transfer(archive)).complete).toBe(true);
  });

  it("cannot be told from a part that is asked for", async () => {
    await damaged(100, 3, async () => {
      const part = await transfer(blob(), { range: "bytes=0-999" });
      expect([part.status, part.bytes, part.complete]).toEqual([206, 1000, true]);
    });
  });

  it("fails in programs that are everywhere", async () => {
    await damaged(layer.size >> 1, 3, async () => {
      const curl = (path: string): number => {
        try {
          execFileSync("curl", ["-sf", "-o", "/dev/null", worker.origin + path]);
          return 0;
        } catch (error) {
          return (error as { readonly status: number }).status;
        }
      };
      // "Transferred a partial file".
      expect(curl(blob())).toBe(18);
      expect(curl(archive)).toBe(18);
    });
  });
});
