import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { snapshotContents } from "../../src/snapshots/contents.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/memory.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import type { Snapshotter } from "../../src/snapshots/snapshotter.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { decodeName } from "../../src/tar/names.ts";
import { nodeAt, open, pathsOf } from "./support/open.ts";
import { anyOperation, perform } from "./support/operations.ts";

const code = (name: string) => expect.objectContaining({ name: "SlipwayError", code: name });

async function keysOf(snapshots: Snapshotter): Promise<string[]> {
  const keys: string[] = [];
  await snapshots.walk(({ key }) => {
    keys.push(key);
  });
  return keys;
}

/** Fails from one call on, as a process that ends does. */
function failing(store: MetadataStore, writes: number): MetadataStore {
  let left = writes;
  const write = <T>(work: () => Promise<T>): Promise<T> =>
    left-- > 0 ? work() : Promise.reject(new Error("the process ended"));
  return {
    get: (key) => store.get(key),
    keys: (prefix) => store.keys(prefix),
    set: (key, value) => write(() => store.set(key, value)),
    delete: (key) => write(() => store.delete(key)),
    compareAndSet: (key, expected, value) => write(() => store.compareAndSet(key, expected, value)),
  };
}

describe("after a restart", () => {
  it("trees are the same, whatever was done to them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyOperation, { minLength: 3, maxLength: 15, size: "max" }), { minLength: 1, maxLength: 4 }),
        async (layers) => {
          const { content, metadata, snapshots } = open();
          let parent: string | undefined;
          for (const [i, operations] of layers.entries()) {
            const work = await snapshots.prepare(`work-${i}`, parent);
            for (const operation of operations) {
              await perform(work, operation).catch((error: unknown) => {
                if (!(error instanceof SlipwayError)) throw error;
              });
            }
            const ref = await snapshots.commit(`layer-${i}`, work.key);
            parent = ref.key;
            const again = await createSnapshotter({ content, metadata }).get(ref.key);
            const [before, after] = [await ref.tree(), await again.tree()];
            expect(after).toEqual(before);
            for (const paths of after.links.values()) {
              const nodes = paths.map((path) => nodeAt(after, path.slice(1).split("/")));
              expect(new Set(nodes).size, "names of a linked file are one node").toBe(1);
              expect(paths.length).toBeGreaterThan(1);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("names and xattrs of any bytes are the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        fc.uint8Array({ maxLength: 300 }),
        async (name, value) => {
          const { content, metadata, snapshots } = open();
          const path = `/${decodeName(name.map((byte) => (byte === 0 || byte === 0x2f || byte === 0x2e ? 0x61 : byte)))}`;
          const work = await snapshots.prepare("work");
          await work.writeFile(path, "x", { xattrs: { "user.x": value } });
          const before = await work.tree();
          const resumed = await createSnapshotter({ content, metadata }).resume("work");
          expect(await resumed.tree()).toEqual(before);
          expect((await resumed.stat(path)).node.xattrs?.get("user.x")).toEqual(value);
        },
      ),
    );
  });

  it("a directory of many entries, kept in segments, is the same", async () => {
    const { content, metadata, snapshots } = open();
    const work = await snapshots.prepare("work");
    for (let i = 0; i < 5000; i++) await work.writeFile(`/big/${i}`, String(i % 3), { mode: i % 2 ? 0o600 : 0o644 });
    await work.link("/big/17", "/big/link");
    const before = await work.tree();
    const after = await (await createSnapshotter({ content, metadata }).resume("work")).tree();
    expect(after.root.digest).toBe(before.root.digest);
    expect(pathsOf(after)).toEqual(pathsOf(before));
    expect([...after.links]).toEqual([...before.links]);
  });

  it("a tree deeper than the stack of a recursion is the same", async () => {
    const { content, metadata, snapshots } = open();
    const work = await snapshots.prepare("work");
    const deep = "/d".repeat(2000);
    for (let i = 0; i < 6; i++) {
      await work.mkdir(deep, { recursive: true });
      await work.rename("/d", "/x");
      await work.mkdir(deep.slice(0, -2), { recursive: true });
      await work.rename("/x", deep);
      await work.tree();
    }
    const before = await work.tree();
    const after = await (await createSnapshotter({ content, metadata }).resume("work")).tree();
    expect(after.root.digest).toBe(before.root.digest);
    expect(Array.from(walkTree(after)).length).toBeGreaterThan(10_000);
  });

  it("directories that snapshots share are the same objects again", async () => {
    const { content, metadata, snapshots } = open();
    const base = await snapshots.prepare("w");
    await base.writeFile("/kept/f", "x");
    (await snapshots.commit("base", "w")).release();
    const work = await snapshots.prepare("w", "base");
    await work.writeFile("/new", "x");
    (await snapshots.commit("top", "w")).release();
    const after = createSnapshotter({ content, metadata });
    const [lower, upper] = [await (await after.get("base")).tree(), await (await after.get("top")).tree()];
    expect(nodeAt(upper, ["kept"])).toBe(nodeAt(lower, ["kept"]));
  });
});

describe("the store", () => {
  it("holds the packs of living snapshots and nothing else", async () => {
    const { metadata, snapshots } = open();
    const work = await snapshots.prepare("a");
    await work.writeFile("/x", "1");
    await work.tree();
    await work.writeFile("/x", "2");
    await work.tree();
    (await snapshots.commit("base", "a")).release();
    const afterCommit = await metadata.keys("tree/");
    expect(afterCommit.length, "earlier saves are gone").toBe(1);
    const child = await snapshots.prepare("b", "base");
    await child.writeFile("/y", "y");
    await child.tree();
    await snapshots.remove("b");
    expect(await metadata.keys("tree/")).toEqual(afterCommit);
    await snapshots.remove("base");
    expect(await metadata.keys("")).toEqual(["snapshot-counter"]);
  });

  it("is written nothing for a commit without changes but the root's place", async () => {
    const { metadata, snapshots } = open();
    const work = await snapshots.prepare("a");
    await work.writeFile("/x", "1");
    (await snapshots.commit("base", "a")).release();
    const packs = await metadata.keys("tree/");
    await snapshots.prepare("b", "base");
    const ref = await snapshots.commit("same", "b");
    expect(await metadata.keys("tree/")).toEqual(packs);
    expect(await ref.readTextFile("/x")).toBe("1");
  });

  it("finds a directory again that an earlier save had and a later one not", async () => {
    const { content, metadata, snapshots } = open();
    const work = await snapshots.prepare("a");
    await work.writeFile("/d/x", "1");
    const kept = await work.tree();
    await work.writeFile("/d/x", "2");
    await work.tree();
    (await snapshots.commit("base", "a")).release();
    const child = await snapshots.prepare("b", "base");
    await child.writeFile("/d/x", "1");
    const ref = await snapshots.commit("top", "b");
    expect((await ref.tree()).root).toBe(kept.root);
    const again = await createSnapshotter({ content, metadata }).get("top");
    expect(await again.readTextFile("/d/x")).toBe("1");
  });

  it("that is damaged is noticed", async () => {
    const { content, metadata, snapshots } = open();
    const work = await snapshots.prepare("a");
    await work.writeFile("/d/x", "1");
    (await snapshots.commit("base", "a")).release();
    const [pack = ""] = await metadata.keys("tree/");
    const bytes = (await metadata.get(pack)) ?? new Uint8Array();
    const text = new TextDecoder().decode(bytes);
    for (const damaged of [text.replace("420", "421"), text.slice(0, -9), ""]) {
      await metadata.set(pack, new TextEncoder().encode(damaged));
      const ref = await createSnapshotter({ content, metadata }).get("base");
      await expect(ref.tree()).rejects.toEqual(code("DIGEST_MISMATCH"));
    }
    await metadata.delete(pack);
    const ref = await createSnapshotter({ content, metadata }).get("base");
    await expect(ref.readFile("/d/x")).rejects.toEqual(code("DIGEST_MISMATCH"));
    await metadata.set(pack, bytes);
    expect(await ref.readTextFile("/d/x"), "a failure is not remembered").toBe("1");
    await metadata.set("snapshots/base", new TextEncoder().encode("{"));
    await expect(snapshots.stat("base")).rejects.toEqual(code("INVALID_DOCUMENT"));
    await metadata.set("snapshots/base", new TextEncoder().encode('{"version":2}'));
    await expect(snapshots.stat("base")).rejects.toEqual(code("INVALID_DOCUMENT"));
  });
});

describe("a process that ends in the middle", () => {
  it("of a commit leaves the active snapshot or the committed one, never both nor none", async () => {
    for (let writes = 0; ; writes++) {
      const { content, metadata, snapshots } = open();
      const work = await snapshots.prepare("work");
      await work.writeFile("/x", "x");
      await work.tree();
      const ending = createSnapshotter({ content, metadata: failing(metadata, writes) });
      const done = await ending.commit("name", "work").then(
        () => true,
        () => false,
      );
      const after = createSnapshotter({ content, metadata });
      const keys = await keysOf(after);
      expect([["work"], ["name"]], `after ${writes} writes`).toContainEqual(keys);
      if (done) expect(keys).toEqual(["name"]);
      if (keys[0] === "work") (await after.commit("other", "work")).release();
      const ref = await after.get(keys[0] === "work" ? "other" : "name");
      expect(await ref.readTextFile("/x")).toBe("x");
      ref.release();
      // The keys are free again, and all can be removed.
      if (ref.key === "other") {
        await after.prepare("name", ref.key);
        await after.remove("name");
      }
      await after.prepare("work", ref.key);
      await after.remove("work");
      await after.remove(ref.key);
      expect(await metadata.keys(""), `after ${writes} writes`).toEqual(["snapshot-counter"]);
      if (done) break;
    }
  });

  it("of a removal leaves something that can be removed, or its key taken", async () => {
    for (let writes = 0; ; writes++) {
      const { content, metadata, snapshots } = open();
      const work = await snapshots.prepare("work");
      await work.writeFile("/x", "x");
      (await snapshots.commit("base", "work")).release();
      const ending = createSnapshotter({ content, metadata: failing(metadata, writes) });
      const done = await ending.remove("base").then(
        () => true,
        () => false,
      );
      const after = createSnapshotter({ content, metadata });
      if ((await keysOf(after)).length > 0) {
        const ref = await after.get("base");
        expect(await ref.readTextFile("/x")).toBe("x");
        ref.release();
        await after.remove("base");
      } else {
        await expect(after.get("base")).rejects.toEqual(code("NOT_FOUND"));
        await expect(after.prepare("child", "base")).rejects.toEqual(code("NOT_FOUND"));
        await after.prepare("base");
        await after.remove("base");
      }
      expect(await metadata.keys(""), `after ${writes} writes`).toEqual(["snapshot-counter"]);
      if (done) break;
    }
  });

  it("of a child's removal does not keep the parent from being removed", async () => {
    const { content, metadata, snapshots } = open();
    await snapshots.prepare("a");
    (await snapshots.commit("base", "a")).release();
    const child = await snapshots.prepare("child", "base");
    await child.writeFile("/x", "x");
    await child.tree();
    const ending = createSnapshotter({ content, metadata: failing(metadata, 1) });
    await expect(ending.remove("child")).rejects.toThrow("the process ended");
    await createSnapshotter({ content, metadata }).remove("base");
    expect(await metadata.keys("")).toEqual(["snapshot-counter"]);
  });
});

describe("a ref", () => {
  it("is disposed by `using`, and cannot be read after its release", async () => {
    const { snapshots } = open();
    await snapshots.prepare("a");
    const ref = await snapshots.commit("base", "a");
    expect(await ref.readdir("/")).toEqual([]);
    ref[Symbol.dispose]();
    ref.release();
    await expect(ref.readdir("/")).rejects.toEqual(code("FAILED_PRECONDITION"));
    await snapshots.remove("base");
  });
});

describe("snapshotContents", () => {
  it("gives every digest once that a snapshot needs", async () => {
    const { content, snapshots } = open();
    const base = await snapshots.prepare("w");
    await base.writeFile("/a", "a");
    await base.writeFile("/d/b", "b");
    await base.writeFile("/d/same", "a");
    (await snapshots.commit("base", "w")).release();
    const work = await snapshots.prepare("work", "base");
    await work.writeFile("/c", "c");
    await work.remove("/a");
    await snapshots.view("view", "base");
    const needed: Digest[] = [];
    for await (const { digest } of snapshotContents(snapshots)) needed.push(digest);
    const stored: Digest[] = [];
    for await (const { digest } of content.list()) stored.push(digest);
    expect(needed.sort()).toEqual(stored.sort());
    await snapshots.remove("work");
    await snapshots.remove("view");
    await snapshots.remove("base");
    for await (const { digest } of snapshotContents(snapshots)) throw new Error(`${digest} is not needed`);
  });

  it("of the metadata store's second user are those that were saved", async () => {
    const metadata = createMemoryMetadataStore();
    const { content, snapshots } = open(metadata);
    const work = await snapshots.prepare("work");
    await work.writeFile("/saved", "1");
    await work.tree();
    await work.writeFile("/later", "2");
    const needed: Digest[] = [];
    for await (const { digest } of snapshotContents(createSnapshotter({ content, metadata }))) needed.push(digest);
    expect(needed).toHaveLength(1);
  });

  it("are looked up without a trace: the snapshot's writer can go on", async () => {
    const metadata = createMemoryMetadataStore();
    const { content, snapshots } = open(metadata);
    const work = await snapshots.prepare("work");
    for await (const { digest } of snapshotContents(createSnapshotter({ content, metadata }))) {
      throw new Error(`${digest} was not saved`);
    }
    await work.writeFile("/file", "1");
    (await snapshots.commit("done", "work")).release();
  });

  it("are found by who looked before they were saved", async () => {
    const metadata = createMemoryMetadataStore();
    const { content, snapshots } = open(metadata);
    const work = await snapshots.prepare("work");
    const other = createSnapshotter({ content, metadata });
    const found = async (): Promise<number> => {
      const digests: Digest[] = [];
      for await (const { digest } of snapshotContents(other)) digests.push(digest);
      return digests.length;
    };
    const counts = [await found()];
    for (const name of ["one", "two"]) {
      await work.writeFile(`/${name}`, name);
      await work.tree();
      counts.push(await found());
    }
    expect(counts).toEqual([0, 1, 2]);
  });

  it("are found where a snapshot is removed or committed meanwhile", async () => {
    const metadata = createMemoryMetadataStore();
    const { content, snapshots } = open(metadata);
    for (const name of ["committed", "removed"]) {
      await (await snapshots.prepare(name)).writeFile("/file", name);
      if (name === "committed") await (await snapshots.resume(name)).tree();
    }
    const other = createSnapshotter({ content, metadata });
    let looked = false;
    const racing: Snapshotter = Object.create(other, {
      resume: {
        async value(key: string) {
          if (!looked) {
            looked = true;
            (await snapshots.commit("done", "committed")).release();
            await snapshots.remove("removed");
          }
          return await other.resume(key);
        },
      },
      walk: { value: (visit: Parameters<Snapshotter["walk"]>[0]) => other.walk(visit) },
      get: { value: (name: string) => other.get(name) },
    });
    const digests: Digest[] = [];
    for await (const { digest } of snapshotContents(racing)) digests.push(digest);
    expect(digests).toHaveLength(1);
  });
});
