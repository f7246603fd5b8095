import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryContentStore } from "../../src/content/index.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/memory.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import type { SnapshotInfo, Snapshotter } from "../../src/snapshots/snapshotter.ts";

type Action = (snapshots: Snapshotter) => Promise<unknown>;

/** Every call waits until the scheduler lets it go on, so that calls of several users meet in every order. */
function scheduled(store: MetadataStore, scheduler: fc.Scheduler): MetadataStore {
  const turn = () => scheduler.schedule(Promise.resolve());
  return {
    get: async (key) => turn().then(() => store.get(key)),
    set: async (key, value) => turn().then(() => store.set(key, value)),
    delete: async (key) => turn().then(() => store.delete(key)),
    compareAndSet: async (key, expected, value) => turn().then(() => store.compareAndSet(key, expected, value)),
    keys: async (prefix) => turn().then(() => store.keys(prefix)),
  };
}

/**
 * Lets several snapshotters over one store, as several processes are, act at the same time in many orders.
 * @param check is given what became of each action, and a snapshotter that sees what is there in the end
 */
async function inAnyOrder(
  before: Action,
  actions: readonly Action[],
  check: (done: readonly boolean[], after: Snapshotter, infos: readonly SnapshotInfo[]) => Promise<void> | void,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const content = createMemoryContentStore();
      const metadata = createMemoryMetadataStore();
      await before(createSnapshotter({ content, metadata }));
      const shared = scheduled(metadata, scheduler);
      const running = actions.map((act) => act(createSnapshotter({ content, metadata: shared })));
      const results = await scheduler.waitFor(Promise.allSettled(running));
      const after = createSnapshotter({ content, metadata });
      const infos: SnapshotInfo[] = [];
      await after.walk((info) => {
        infos.push(info);
      });
      for (const { parent } of infos) {
        if (parent !== undefined) expect((await after.stat(parent)).kind, "every parent is there").toBe("committed");
      }
      await check(
        results.map(({ status }) => status === "fulfilled"),
        after,
        infos,
      );
    }),
    { numRuns: Number(process.env.SLIPWAY_RUNS ?? 250) },
  );
}

async function commitFile(snapshots: Snapshotter, name: string, parent?: string): Promise<void> {
  const work = await snapshots.prepare(`${name}-work`, parent);
  await work.writeFile(`/${name}`, name);
  (await snapshots.commit(name, work.key)).release();
}

describe("in whatever order two processes act", () => {
  it("a parent is removed or has a new child, not both", async () => {
    await inAnyOrder(
      (snapshots) => commitFile(snapshots, "base"),
      [(one) => one.remove("base"), (other) => other.prepare("child", "base")],
      ([removed, prepared], _, infos) => {
        expect(removed && prepared).toBe(false);
        expect(infos.some(({ key }) => key === "base")).toBe(!removed);
        expect(infos.some(({ key }) => key === "child")).toBe(prepared);
      },
    );
  });

  it("a removal meets a commit on the way, and neither loses anything", async () => {
    await inAnyOrder(
      async (snapshots) => {
        await commitFile(snapshots, "base");
        const work = await snapshots.prepare("work", "base");
        await work.writeFile("/top", "top");
        await work.tree();
      },
      [(one) => one.remove("work"), (other) => other.commit("top", "work"), (third) => third.remove("base")],
      async ([removed, committed], after, infos) => {
        const keys = infos.map(({ key }) => key);
        expect(keys.includes("top")).toBe(committed === true);
        expect(keys.includes("work")).toBe(!removed && !committed);
        for (const key of keys) {
          if (key === "base") continue;
          const work = key === "top" ? await after.get(key) : await after.resume(key);
          expect(await work.readTextFile("/top")).toBe("top");
          expect(await work.readTextFile("/base")).toBe("base");
        }
      },
    );
  });

  it("a key is taken by one of them", async () => {
    await inAnyOrder(
      (snapshots) => commitFile(snapshots, "base"),
      [(one) => one.prepare("key", "base"), (two) => two.view("key", "base"), (three) => three.prepare("key")],
      (done, _, infos) => {
        expect(done.filter((succeeded) => succeeded).length).toBe(1);
        expect(infos.map(({ key }) => key)).toEqual(["base", "key"]);
      },
    );
  });

  it("a name is given once, and the other snapshot stays active", async () => {
    await inAnyOrder(
      async (snapshots) => {
        for (const key of ["one", "two"]) {
          const work = await snapshots.prepare(key);
          await work.writeFile("/by", key);
          await work.tree();
        }
      },
      [(one) => one.commit("name", "one"), (two) => two.commit("name", "two")],
      async ([one, two], after, infos) => {
        expect(Number(one) + Number(two)).toBe(1);
        expect(infos.map(({ key }) => key)).toEqual(["name", one ? "two" : "one"]);
        expect(await (await after.get("name")).readTextFile("/by")).toBe(one ? "one" : "two");
      },
    );
  });

  it("an active snapshot is committed once, under one of the names", async () => {
    await inAnyOrder(
      async (snapshots) => {
        const work = await snapshots.prepare("work");
        await work.writeFile("/f", "f");
        await work.tree();
      },
      [(one) => one.commit("a", "work"), (two) => two.commit("b", "work")],
      async (done, after, infos) => {
        expect(done.filter((succeeded) => succeeded).length).toBeLessThanOrEqual(1);
        expect(infos.length, "it is there under one key").toBe(1);
        const [{ key, kind } = { key: "", kind: "" }] = infos;
        const found = kind === "committed" ? await after.get(key) : await after.resume(key);
        expect(await found.readTextFile("/f")).toBe("f");
      },
    );
  });

  it("a key is removed and taken again at once", async () => {
    await inAnyOrder(
      async (snapshots) => {
        const work = await snapshots.prepare("key");
        await work.writeFile("/old", "old");
        await work.tree();
      },
      [
        (one) => one.remove("key"),
        async (other) => {
          const work = await other.prepare("key");
          await work.writeFile("/new", "new");
          await work.tree();
        },
      ],
      async ([, prepared], after, infos) => {
        if (infos.length === 0) return;
        const expected = prepared ? ["new"] : ["old"];
        expect(await (await after.resume("key")).readdir("/")).toEqual(expected);
      },
    );
  });

  it("labels set by both are both there", async () => {
    await inAnyOrder(
      (snapshots) => snapshots.prepare("key"),
      [(one) => one.label("key", { one: "1" }), (two) => two.label("key", { two: "2" })],
      (_, __, infos) => expect(infos[0]?.labels).toEqual({ one: "1", two: "2" }),
    );
  });
});
