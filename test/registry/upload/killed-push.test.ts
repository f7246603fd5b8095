import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DOCKER_REGISTRY, type RegistryDaemon, startRegistry } from "../../interop/support/registry.ts";
import { bundleScript } from "../../support/bundle.ts";
import { startTestRegistry, type TestRegistry } from "../../support/registry-server/test-registry.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { itWith } from "../../support/tools.ts";
import { patternDigest } from "./pattern.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const CHUNK = 8 * MIB;
const TIMEOUT = 120_000;

let debian: Promise<RegistryDaemon> | undefined;
let own: Promise<TestRegistry> | undefined;
afterAll(async () => {
  await (await debian)?.stop();
  await (await own)?.stop();
});

interface Push {
  readonly host: string;
  readonly repository: string;
  readonly metadata: string;
  readonly chunk?: number;
  /** The byte at which the source stops. */
  readonly stop?: number;
}

/** Pushes in a process of its own. @param stopped whether it may be killed, asked when its source has stopped, until it says so */
async function push(
  { host, repository, metadata, chunk = CHUNK, stop = -1 }: Push,
  stopped?: () => boolean,
): Promise<string> {
  const script = await bundleScript(join(import.meta.dirname, "pusher.ts"));
  const args = [host, repository, metadata, SIZE, chunk, stop].map(String);
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_, signal) => resolve(signal ?? output.trim()));
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  try {
    if (stopped !== undefined) {
      await expect.poll(() => output, { timeout: TIMEOUT / 2 }).toBe("stopped\n");
      await expect.poll(stopped, { timeout: TIMEOUT / 2 }).toBe(true);
      child.kill("SIGKILL");
    }
    return await ended;
  } finally {
    child.kill("SIGKILL");
  }
}

/** Bytes of bodies that went to the test registry for uploads of one repository. */
const uploadedTo = (registry: TestRegistry, repository: string): number =>
  registry.requests
    .filter(({ method, url }) => /^(PATCH|PUT)$/.test(method) && url.startsWith(`/v2/${repository}/blobs/uploads/`))
    .reduce((sum, { bytesIn }) => sum + bytesIn, 0);

describe("a push whose process is killed in the middle of a blob", () => {
  for (const [how, chunk] of [
    ["in chunks of a chosen size", CHUNK],
    ["in chunks of the default size", 0],
  ] as const) {
    it(`goes on from the very byte that the registry has, ${how}`, { timeout: TIMEOUT }, async () => {
      own ??= startTestRegistry({ mounts: "named" });
      const registry = await own;
      const repository = `killed/${chunk}`;
      const metadata = temporaryDirectory();
      const stop = 37 * MIB + 65_536;
      // The rest of what the source gave may still wait in the process for more.
      const arrived = () => uploadedTo(registry, repository) >= 36 * MIB;
      const stopped = { host: registry.host, repository, metadata, chunk };
      expect(await push({ ...stopped, stop }, arrived)).toBe("SIGKILL");
      expect(await push(stopped)).toBe("uploaded");
      expect(uploadedTo(registry, repository)).toBe(SIZE);
      expect(registry.repositories.get(repository)?.blobs.get(patternDigest(SIZE))?.byteLength).toBe(SIZE);
      expect(readdirSync(metadata)).toEqual([]);
    });
  }

  it("begins anew where the registry has forgotten the upload", { timeout: TIMEOUT }, async () => {
    own ??= startTestRegistry({ mounts: "named" });
    const registry = await own;
    const repository = "killed/forgotten";
    const metadata = temporaryDirectory();
    const stop = 16 * MIB;
    const arrived = () => uploadedTo(registry, repository) === stop;
    const pushing = { host: registry.host, repository, metadata };
    // It stops between two chunks.
    expect(await push({ ...pushing, stop }, arrived)).toBe("SIGKILL");
    expect(readdirSync(metadata)).toHaveLength(1);
    registry.repositories.get(repository)?.uploads.clear();
    expect(await push(pushing)).toBe("uploaded");
    expect(uploadedTo(registry, repository)).toBe(stop + SIZE);
    expect(readdirSync(metadata)).toEqual([]);
  });

  itWith(
    [DOCKER_REGISTRY],
    "goes on from the last chunk that docker-registry has answered to",
    async () => {
      debian ??= startRegistry();
      const { host, requests } = await debian;
      const repository = "killed/between";
      const metadata = temporaryDirectory();
      const patches = () => requests().filter((line) => line.startsWith(`PATCH /v2/${repository}/`)).length;
      const pushing = { host, repository, metadata };
      expect(await push({ ...pushing, stop: 3 * CHUNK }, () => patches() === 3)).toBe("SIGKILL");
      expect(await push(pushing)).toBe("uploaded");
      // Eight chunks in all, none of them twice; the one that was cut before its first byte is logged as well, or not yet.
      const chunks = SIZE / CHUNK;
      expect(patches()).toBeGreaterThanOrEqual(chunks);
      expect(patches()).toBeLessThanOrEqual(chunks + 1);
      const head = await fetch(`http://${host}/v2/${repository}/blobs/${patternDigest(SIZE)}`, { method: "HEAD" });
      expect(head.headers.get("content-length")).toBe(String(SIZE));
    },
    TIMEOUT,
  );

  itWith(
    [DOCKER_REGISTRY],
    "begins anew where docker-registry throws away what was cut in the middle of a chunk",
    async () => {
      debian ??= startRegistry();
      const { host, requests } = await debian;
      const repository = "killed/within";
      const metadata = temporaryDirectory();
      const patches = () => requests().filter((line) => line.startsWith(`PATCH /v2/${repository}/`)).length;
      const pushing = { host, repository, metadata };
      expect(await push({ ...pushing, stop: 3 * CHUNK + MIB }, () => patches() === 3)).toBe("SIGKILL");
      expect(await push(pushing)).toBe("uploaded");
      const head = await fetch(`http://${host}/v2/${repository}/blobs/${patternDigest(SIZE)}`, { method: "HEAD" });
      expect(head.headers.get("content-length")).toBe(String(SIZE));
      expect(readdirSync(metadata)).toEqual([]);
    },
    TIMEOUT,
  );
});
