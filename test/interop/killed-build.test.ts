import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listImages, verifyImage } from "../../src/archive/index.ts";
import { openDirectoryStore } from "../../src/node/index.ts";
import { slipway, workspace } from "../cli/support/slipway.ts";

const { path } = workspace();
const layout = path("layout");

/** Every file under blobs/ has the digest that its name says. */
function brokenBlobs(): readonly string[] {
  const blobs = join(layout, "blobs", "sha256");
  return readdirSync(blobs).filter(
    (name) =>
      createHash("sha256")
        .update(readFileSync(join(blobs, name)))
        .digest("hex") !== name,
  );
}

const build = (tag: string, started?: (pid: number) => void) =>
  slipway(
    [
      "build",
      path("tree"),
      "-t",
      `killed:${tag}`,
      "--platform",
      "linux/amd64",
      "-o",
      `type=oci,tar=false,dest=${layout}`,
    ],
    {
      started: (child) => child.pid !== undefined && started?.(child.pid),
    },
  );

describe("a build into an OCI layout directory that is killed", () => {
  it("leaves a valid store at any moment, loses nothing, and can be done again", async () => {
    cpSync(join(import.meta.dirname, "../../src"), path("tree"), { recursive: true });
    const first = await build("first");
    expect(first.stderr).toMatch(/sha256:[0-9a-f]{64}/);
    const started = performance.now();
    writeFileSync(path("tree", "changing"), "measured");
    expect((await build("measured")).status).toBe(0);
    const duration = performance.now() - started;

    let killed = 0;
    for (let round = 0; round < 20; round++) {
      // Another content each time, so that there is always a layer to write.
      writeFileSync(path("tree", "changing"), `round ${round}`);
      const { status } = await build(`round-${round}`, (pid) => {
        setTimeout(() => {
          try {
            process.kill(pid, "SIGKILL");
          } catch {
            // It was done before.
          }
        }, Math.random() * duration);
      });
      if (status !== 0) killed++;
      expect(brokenBlobs()).toEqual([]);
      JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
      const store = await openDirectoryStore(layout);
      const images = await listImages(store);
      expect(images.flatMap(({ names }) => names)).toEqual(
        expect.arrayContaining(["docker.io/library/killed:first", "docker.io/library/killed:measured"]),
      );
      for (const { descriptor } of images) await verifyImage(store.content, descriptor, { diffIDs: true });
      await store.close();
    }
    expect(killed).toBeGreaterThan(5);

    writeFileSync(path("tree", "changing"), "last");
    const last = await build("last");
    expect(last.status).toBe(0);
    const fresh = path("fresh");
    const elsewhere = await slipway([
      "build",
      path("tree"),
      "-t",
      "killed:last",
      "--platform",
      "linux/amd64",
      "-o",
      `type=oci,tar=false,dest=${fresh}`,
    ]);
    const digestOf = (text: string): string | undefined => /digest +(sha256:[0-9a-f]{64})/.exec(text)?.[1];
    expect(digestOf(last.stderr)).toBe(digestOf(elsewhere.stderr));
    expect(digestOf(last.stderr)).toBeDefined();
    expect(
      existsSync(join(layout, ".slipway", "ingest")) ? readdirSync(join(layout, ".slipway", "ingest")) : [],
    ).toEqual([]);
  }, 180_000);
});
