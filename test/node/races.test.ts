/** Two processes over one layout directory, of which the second acts exactly between two steps of the first. */
import type * as fs from "node:fs";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { collectGarbage, readBlobBytes, withLease, writeBlob } from "../../src/content/index.ts";
import { digestOf } from "../../src/hash/index.ts";
import { type DirectoryStore, openDirectoryStore } from "../../src/node/index.ts";
import type * as files from "../../src/node/write-file.ts";
import { type Digest, digestHex } from "../../src/oci/digest.ts";
import { bytesOf } from "../content/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Called before a system call, with the path it changes. */
const between: {
  call: ((name: "unlink" | "rename", path: string) => void) | undefined;
  flush: (() => Promise<void>) | undefined;
} = { call: undefined, flush: undefined };

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  return {
    ...real,
    unlinkSync(path: string): void {
      between.call?.("unlink", path);
      real.unlinkSync(path);
    },
    renameSync(from: string, to: string): void {
      between.call?.("rename", to);
      real.renameSync(from, to);
    },
  };
});

vi.mock("../../src/node/write-file.ts", async (original) => {
  const real = await original<typeof files>();
  return {
    ...real,
    async flush(file: number): Promise<void> {
      await between.flush?.();
      await real.flush(file);
    },
  };
});

function once(name: "unlink" | "rename", path: RegExp, act: () => void): void {
  between.call = (called, at) => {
    if (called !== name || !path.test(at)) return;
    between.call = undefined;
    act();
  };
}

let directory = "";
beforeEach(() => {
  between.call = undefined;
  between.flush = undefined;
  directory = join(temporaryDirectory(), "layout");
});

const at = (...names: string[]): string => join(directory, ...names);
const blobFile = (digest: Digest): string => at("blobs", "sha256", digestHex(digest));
const labelFile = (digest: Digest): string => at(".slipway", "labels", "sha256", digestHex(digest));
const open = (): Promise<DirectoryStore> => openDirectoryStore(directory);
const targetOf = (digest: Digest) => ({ mediaType: "application/octet-stream", digest, size: 7 });

const CONTENT = bytesOf("content");
const DIGEST = digestOf(CONTENT);

describe("a layout that is removed because it is empty", () => {
  it("is whole again if another process commits a blob in the middle", async () => {
    const [store, other] = [await open(), await open()];
    once("unlink", /index\.json$/, () => writeFileSync(blobFile(DIGEST), CONTENT));
    expect(await store.removeIfEmpty()).toBe(false);
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(await readBlobBytes(other.content, { digest: DIGEST })).toEqual(CONTENT);
  });

  it("is whole again if another process makes its directories anew in the middle", async () => {
    const store = await open();
    once("unlink", /index\.json$/, () => {
      rmSync(at("blobs"), { recursive: true });
      mkdirSync(at("blobs", "sha256"), { recursive: true });
      writeFileSync(blobFile(DIGEST), CONTENT);
    });
    expect(await store.removeIfEmpty()).toBe(false);
    expect((await (await openDirectoryStore(directory, { create: false })).content.info(DIGEST)).size).toBe(7);
  });

  it.each<[string, (store: DirectoryStore) => Promise<unknown>]>([
    ["a blob", ({ content }) => writeBlob(content, CONTENT)],
    ["a blob that is written", ({ content }) => content.writer({ ref: "r" })],
    ["an image", ({ images }) => images.create({ name: "a", target: targetOf(DIGEST) })],
    ["a record", ({ metadata }) => metadata.set("key", CONTENT)],
    ["a lease", ({ leases }) => leases.create()],
  ])("stays where another process has %s in it", async (_, act) => {
    const [store, other] = [await open(), await open()];
    await act(other);
    expect(await store.isEmpty()).toBe(false);
    expect(await store.removeIfEmpty()).toBe(false);
    await openDirectoryStore(directory, { create: false });
  });

  it("comes back with a name that another process gives in the middle of the removal", async () => {
    const [store, other] = [await open(), await open()];
    let naming: Promise<unknown> | undefined;
    once("unlink", /oci-layout$/, () => {
      naming = other.images.create({ name: "a", target: targetOf(DIGEST) });
    });
    await store.removeIfEmpty();
    await naming;
    const found = await openDirectoryStore(directory, { create: false });
    expect((await found.images.get("a")).target.digest).toBe(DIGEST);
  });
});

describe("index.json", () => {
  it("is not emptied by who makes the layout, though another process names an image meanwhile", async () => {
    const other = await open();
    rmSync(at("oci-layout"));
    rmSync(at("index.json"));
    let naming: Promise<unknown> | undefined;
    between.flush = async () => {
      between.flush = undefined;
      naming = other.images.create({ name: "a", target: targetOf(DIGEST) });
      // As much time as it needs if nothing holds it up.
      await Promise.race([naming, new Promise((resolve) => setTimeout(resolve, 200))]);
    };
    const store = await open();
    await naming;
    expect((await store.images.get("a")).target.digest).toBe(DIGEST);
  });

  it("is read whole while it is replaced, and keeps what two processes set at once", async () => {
    const [store, other] = [await open(), await open()];
    const names = Array.from({ length: 20 }, (_, i) => `example.com/${i}:1`);
    let reads = 0;
    between.call = (called, path) => {
      if (called !== "rename" || !path.endsWith("index.json")) return;
      reads++;
      JSON.parse(readFileSync(path, "utf8"));
    };
    const create = (name: string, i: number) =>
      (i % 2 === 0 ? store : other).images.create({ name, target: targetOf(DIGEST) });
    await Promise.all(names.map(create));
    expect(reads).toBe(20);
    expect((await store.images.list()).map(({ name }) => name)).toEqual(names.sort());
  });
});

describe("a record that is old", () => {
  it("stays if another process writes it before it is removed", async () => {
    const [store, other] = [await open(), await open()];
    for (const key of ["uploads/a", "uploads/b", "other"]) await store.metadata.set(key, CONTENT);
    let writing: Promise<void> | undefined;
    const file = (key: string): string => at(".slipway", "metadata", key.replace("/", "%2f"));
    for (const key of ["uploads/a", "uploads/b", "other"]) utimesSync(file(key), 1, 1);
    expect(await store.removeOldRecords("uploads/", 60, { dryRun: true })).toEqual(["uploads/a", "uploads/b"]);
    once("unlink", /uploads.*a$/, () => {
      writing = other.metadata.set("uploads/b", bytesOf("younger"));
    });
    const removed = await store.removeOldRecords("uploads/", 60);
    await writing;
    expect(removed).toContain("uploads/a");
    // Whichever came first: what was written is there.
    expect(new TextDecoder().decode(await store.metadata.get("uploads/b"))).toBe("younger");
    expect(await store.metadata.keys("")).toEqual(["other", "uploads/b"]);
  });
});

describe("a blob", () => {
  it("has its labels before it can be seen, and none of an earlier one that was killed in its deletion", async () => {
    const store = await open();
    await writeBlob(store.content, CONTENT, { labels: { old: "yes" } });
    // Killed between the removal of the blob and that of its labels.
    rmSync(blobFile(DIGEST), { force: true });
    let seen: unknown;
    once("rename", /blobs.sha256./, () => {
      seen = [existsSync(blobFile(DIGEST)), JSON.parse(readFileSync(labelFile(DIGEST), "utf8"))];
    });
    const { labels } = await writeBlob(store.content, CONTENT, { labels: { new: "yes" } });
    expect(seen).toEqual([false, { new: "yes" }]);
    expect(labels).toEqual({ new: "yes" });
    await store.content.delete(DIGEST);
    await writeBlob(store.content, CONTENT);
    expect((await store.content.info(DIGEST)).labels).toEqual({});
  });

  it("that is deleted while it is labelled or committed keeps no labels of the other", async () => {
    const [store, other] = [await open(), await open()];
    for (let round = 0; round < 10; round++) {
      await writeBlob(store.content, CONTENT, { labels: { round: String(round) } });
      await Promise.allSettled([
        other.content.label(DIGEST, { labelled: "yes" }),
        store.content.delete(DIGEST),
        writeBlob(other.content, CONTENT, { labels: { again: "yes" } }),
      ]);
      const { labels } = await store.content.info(DIGEST).catch(() => ({ labels: undefined }));
      // Committed before it was deleted, it was there already.
      if (labels !== undefined) expect(labels).toEqual({ again: "yes" });
      await store.content.delete(DIGEST).catch(() => undefined);
      expect(readdirSync(at(".slipway", "labels", "sha256"))).toEqual([]);
    }
  });

  it.each(["before its writer is opened", "after it", "before its commit"])(
    "that is written under a lease stays, though one of the same digest is collected %s",
    async (when) => {
      const [store, other] = [await open(), await open()];
      await writeBlob(store.content, CONTENT);
      const collect = () => collectGarbage({ content: other.content, leases: other.leases, roots: other.roots });
      const lease = await store.leases.create();
      const content = withLease(store.content, lease);
      const add = async (digest: Digest): Promise<void> => {
        if (when === "before its writer is opened") await collect();
        await lease.add(digest);
        if (when === "after it") await collect();
      };
      if (when === "before its commit") {
        // Its digest is known only then.
        const writer = await content.writer({ ref: "r" });
        await writer.write(CONTENT);
        await collect();
        await writer.commit();
      } else await writeBlob(withLease(store.content, { add }), CONTENT, { digest: DIGEST });
      await collect();
      expect(await readBlobBytes(store.content, { digest: DIGEST })).toEqual(CONTENT);
      await lease.release();
      await collect();
      await expect(store.content.info(DIGEST)).rejects.toMatchObject({ code: "NOT_FOUND" });
    },
  );

  it("that is deleted while it is read is told as gone, or read to its end", async () => {
    const store = await open();
    await writeBlob(store.content, CONTENT);
    const chunks = store.content.open(DIGEST)[Symbol.asyncIterator]();
    expect((await chunks.next()).value).toEqual(CONTENT);
    await store.content.delete(DIGEST);
    expect((await chunks.next()).done).toBe(true);
    const late = store.content.open(DIGEST)[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
