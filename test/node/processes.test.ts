import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { sampleBytes } from "../../src/content/conformance/support.ts";
import { readBlob, readBlobBytes, writeBlob } from "../../src/content/index.ts";
import { type DirectoryStore, openDirectoryStore } from "../../src/node/index.ts";
import { type Digest, parseDigest } from "../../src/oci/digest.ts";
import { arrayOf } from "../content/support.ts";
import { bundleScript } from "../support/bundle.ts";
import { temporaryDirectory } from "../support/temporary.ts";

let script = "";
beforeAll(async () => {
  script = await bundleScript(fileURLToPath(new URL("./store-process.ts", import.meta.url)));
});

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  /** What it has reported so far, line by line. */
  lines(): readonly string[];
  errors(): string;
  /** Waits for that many lines. */
  reports(count: number): Promise<void>;
}

function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "close");
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const lines = (): readonly string[] => output.split("\n").slice(0, -1);
  return {
    child,
    exited,
    lines,
    errors: () => errors,
    async reports(count) {
      while (lines().length < count) {
        if (child.exitCode !== null) throw new Error(`the process ended: ${errors}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
}

/** Reads all there is and fails if anything is not what it should be. */
async function verify(store: DirectoryStore): Promise<ReadonlySet<Digest>> {
  const blobs = new Set<Digest>();
  for await (const info of store.content.list()) {
    for await (const _ of readBlob(store.content, info));
    blobs.add(info.digest);
  }
  for (const { target } of await store.images.list()) await store.content.info(target.digest);
  for (const key of await store.metadata.keys("")) JSON.parse(new TextDecoder().decode(await store.metadata.get(key)));
  return blobs;
}

describe("several processes on one layout directory", () => {
  it("write the same blobs, refs, names and records at once, and lose nothing", async () => {
    const directory = temporaryDirectory();
    const processes = [1, 2, 3].map((seed) => start("with-others", directory, String(seed)));
    await Promise.all(processes.map(({ exited }) => exited));
    for (const { child, errors } of processes) expect(child.exitCode, errors()).toBe(0);
    const store = await openDirectoryStore(directory, { create: false });
    expect((await verify(store)).size).toBe(12);
    expect(new TextDecoder().decode(await store.metadata.get("counter"))).toBe("36");
    const names = (await store.images.list()).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("example.com/own-"))).toHaveLength(36);
    expect(names.filter((name) => name.startsWith("example.com/shared:"))).toHaveLength(12);
    const won = processes.flatMap(({ lines }) => lines().filter((line) => line.startsWith("won "))).sort();
    expect(won).toEqual(Array.from({ length: 12 }, (_, round) => `won ${round}`).sort());
    expect(await arrayOf(store.content.statuses())).toEqual([]);
  });

  it("keep each other from a ref as long as they live, and no longer", async () => {
    const directory = temporaryDirectory();
    const holder = start("hold", directory);
    await holder.reports(2);
    const store = await openDirectoryStore(directory);
    await expect(store.content.writer({ ref: "held" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(store.content.abort("held")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    holder.child.kill("SIGKILL");
    await holder.exited;
    const bytes = sampleBytes(1, 5000);
    const writer = await store.content.writer({ ref: "held" });
    expect(writer.status().offset).toBe(1000);
    await writer.write(bytes.subarray(1000));
    // What the killed process wrote is the beginning of other content: its 1000 bytes were hashed again.
    const info = await writer.commit();
    await writer.close();
    const whole = new Uint8Array([...sampleBytes(1, 1000), ...bytes.subarray(1000)]);
    expect(await readBlobBytes(store.content, info)).toEqual(whole);
  });
});

describe("a process that is killed", () => {
  it("twenty times at any moment leaves a valid store, and nothing that it had reported is lost", async () => {
    const directory = temporaryDirectory();
    const reported = new Set<Digest>();
    for (let round = 0; round < 20; round++) {
      const worker = start("forever", directory, String(round));
      await worker.reports(1 + (round % 8));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      worker.child.kill("SIGKILL");
      await worker.exited;
      expect(worker.errors()).toBe("");
      const lines = worker.lines();
      for (const line of lines) if (line.startsWith("blob ")) reported.add(parseDigest(line.slice(5)));

      const store = await openDirectoryStore(directory, { create: false });
      const blobs = await verify(store);
      expect([...reported].filter((digest) => !blobs.has(digest))).toEqual([]);
      const lastName = lines.findLast((line) => line.startsWith("name "))?.split(" ");
      if (lastName?.[1] !== undefined) {
        const { target } = await store.images.get(lastName[1]);
        // The name may have been moved on between the report and the kill, never back.
        expect(blobs.has(target.digest)).toBe(true);
      }
      for await (const { ref } of store.content.statuses()) {
        const writer = await store.content.writer({ ref });
        await writer.close();
      }
    }
    const store = await openDirectoryStore(directory, { create: false });
    for (const ref of ["ref-0", "ref-1", "ref-2"]) await writeBlob(store.content, sampleBytes(99, 10), { ref });
    for await (const { ref } of store.content.statuses()) await store.content.abort(ref);
    for (const key of await store.metadata.keys("")) await store.metadata.delete(key);
    for await (const { digest } of store.content.list()) await store.content.label(digest, { round: undefined });
    // A file that its process was killed while writing is left alone for some seconds: let them be over.
    for (const name of readdirSync(`${directory}/.slipway/locks`))
      utimesSync(`${directory}/.slipway/locks/${name}`, 0, 0);
    await store.close();
    expect(readdirSync(directory, { recursive: true }).filter((name) => String(name).startsWith("."))).toEqual([]);
  });
});
