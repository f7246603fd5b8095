import { assert, assertEqual, assertRejects } from "../../conformance.ts";
import type { SnapshotInfo, Snapshotter } from "../snapshotter.ts";

/** One case over a fresh snapshotter. */
export interface SnapshotterCase {
  readonly name: string;
  run(snapshots: Snapshotter): Promise<void>;
}

/** An empty committed snapshot that nobody holds. */
export async function commitEmpty(snapshots: Snapshotter, name: string, parent?: string): Promise<void> {
  await snapshots.prepare(`${name}-work`, parent);
  (await snapshots.commit(name, `${name}-work`)).release();
}

async function walked(snapshots: Snapshotter): Promise<SnapshotInfo[]> {
  const infos: SnapshotInfo[] = [];
  await snapshots.walk((info) => {
    infos.push(info);
  });
  return infos;
}

export const lifecycleCases: readonly SnapshotterCase[] = [
  {
    name: "goes the whole way: prepare, commit, prepare on it, view, remove",
    async run(snapshots) {
      const work = await snapshots.prepare("preparing");
      assertEqual(work.key, "preparing", "key of the writable snapshot");
      await work.writeFile("/foo", "foo\n", { mode: 0o777 });
      await work.mkdir("/a/b/c", { recursive: true });
      const base = await snapshots.commit("committed", "preparing");
      assertEqual([base.key, base.parent], ["committed", undefined], "key and parent of the ref");
      await assertRejects(snapshots.stat("preparing"), "NOT_FOUND", "stat of a key that was committed");

      const next = await snapshots.prepare("next", "committed");
      assertEqual(await next.readTextFile("/foo"), "foo\n", "/foo in the child");
      await next.writeFile("/bar", "bar\n");
      await next.writeFile("/foo", "bar\n");
      await next.remove("/a/b", { recursive: true });
      const top = await snapshots.commit("committed-next", "next");
      assertEqual(top.parent, "committed", "parent of the second ref");
      assertEqual(await base.readTextFile("/foo"), "foo\n", "/foo in the parent, after the child changed it");
      assert(await base.exists("/a/b/c"), "/a/b/c is gone from the parent");

      const view = await snapshots.view("view", "committed-next");
      assertEqual(view.key, "view", "key of the view");
      assertEqual(await view.readdir("/"), ["a", "bar", "foo"], "names in the view");
      assertEqual(await view.readdir("/a"), [], "names in /a in the view");
      await snapshots.remove("view");
      base.release();
      top.release();
      await assertRejects(snapshots.remove("committed"), "FAILED_PRECONDITION", "removing a parent");
      await snapshots.remove("committed-next");
      await snapshots.remove("committed");
      assertEqual(await walked(snapshots), [], "what is left");
    },
  },
  {
    name: "tells of each snapshot what it is",
    async run(snapshots) {
      await snapshots.prepare("active-0");
      assertEqual(await snapshots.stat("active-0"), { key: "active-0", kind: "active", labels: {} }, "active");
      await commitEmpty(snapshots, "base");
      assertEqual(await snapshots.stat("base"), { key: "base", kind: "committed", labels: {} }, "committed");
      await snapshots.prepare("active", "base", { labels: { b: "2", a: "1" } });
      assertEqual(
        await snapshots.stat("active"),
        { key: "active", kind: "active", parent: "base", labels: { a: "1", b: "2" } },
        "active on a parent",
      );
      await snapshots.view("view", "base", { labels: { v: "" } });
      assertEqual(
        await snapshots.stat("view"),
        { key: "view", kind: "view", parent: "base", labels: { v: "" } },
        "view",
      );
      await assertRejects(snapshots.stat("nothing"), "NOT_FOUND", "stat of a key that nobody has");
    },
  },
  {
    name: "keeps the chain of parents",
    async run(snapshots) {
      await commitEmpty(snapshots, "a");
      await commitEmpty(snapshots, "b", "a");
      await commitEmpty(snapshots, "c", "b");
      assertEqual((await snapshots.stat("c")).parent, "b", "parent of c");
      assertEqual((await snapshots.stat("b")).parent, "a", "parent of b");
      assertEqual((await snapshots.stat("a")).parent, undefined, "parent of a");
    },
  },
  {
    name: "has one space of keys for active, view and committed ones",
    async run(snapshots) {
      await commitEmpty(snapshots, "base");
      await snapshots.prepare("active", "base");
      await snapshots.view("view", "base");
      for (const key of ["active", "view", "base"]) {
        await assertRejects(snapshots.prepare(key, "base"), "ALREADY_EXISTS", `preparing ${key} again`);
        await assertRejects(snapshots.view(key, "base"), "ALREADY_EXISTS", `viewing ${key} again`);
        await assertRejects(snapshots.commit(key, "active"), "ALREADY_EXISTS", `committing as ${key}`);
      }
      assertEqual((await snapshots.stat("active")).kind, "active", "the active one after refused commits");
    },
  },
  {
    name: "goes on with an active snapshot whose commit was refused",
    async run(snapshots) {
      await commitEmpty(snapshots, "taken");
      const work = await snapshots.prepare("work");
      await work.writeFile("/one", "1");
      await assertRejects(snapshots.commit("taken", "work"), "ALREADY_EXISTS");
      await work.writeFile("/two", "2");
      const ref = await snapshots.commit("free", "work");
      assertEqual(await ref.readdir("/"), ["one", "two"], "names in what was committed at last");
      ref.release();
    },
  },
  {
    name: "takes only committed snapshots as parents",
    async run(snapshots) {
      await commitEmpty(snapshots, "base");
      await snapshots.prepare("active", "base");
      await snapshots.view("view", "base");
      for (const parent of ["active", "view"]) {
        await assertRejects(snapshots.prepare("x", parent), "FAILED_PRECONDITION", `preparing on ${parent}`);
        await assertRejects(snapshots.view("x", parent), "FAILED_PRECONDITION", `viewing ${parent}`);
      }
      await assertRejects(snapshots.prepare("x", "nothing"), "NOT_FOUND", "preparing on nothing");
      await assertRejects(snapshots.stat("x"), "NOT_FOUND", "what was refused");
    },
  },
  {
    name: "commits only active snapshots",
    async run(snapshots) {
      await commitEmpty(snapshots, "base");
      await snapshots.view("view", "base");
      await assertRejects(snapshots.commit("x", "view"), "FAILED_PRECONDITION", "committing a view");
      await assertRejects(snapshots.commit("x", "base"), "FAILED_PRECONDITION", "committing a committed one");
      await assertRejects(snapshots.commit("x", "nothing"), "NOT_FOUND", "committing nothing");
      await assertRejects(snapshots.resume("view"), "FAILED_PRECONDITION", "resuming a view");
      await assertRejects(snapshots.resume("nothing"), "NOT_FOUND", "resuming nothing");
      await snapshots.prepare("active");
      await assertRejects(snapshots.get("active"), "FAILED_PRECONDITION", "holding an active one");
      await assertRejects(snapshots.get("nothing"), "NOT_FOUND", "holding nothing");
    },
  },
  {
    name: "closes the writable snapshot when it is committed or removed",
    async run(snapshots) {
      const committed = await snapshots.prepare("a");
      (await snapshots.commit("base", "a")).release();
      await assertRejects(committed.writeFile("/x", "x"), "FAILED_PRECONDITION", "writing after the commit");
      const removed = await snapshots.prepare("a");
      await snapshots.remove("a");
      await assertRejects(removed.writeFile("/x", "x"), "FAILED_PRECONDITION", "writing after the removal");
      await assertRejects(removed.readdir("/"), "FAILED_PRECONDITION", "reading after the removal");
    },
  },
  {
    name: "gives an active snapshot again",
    async run(snapshots) {
      const work = await snapshots.prepare("a");
      await work.writeFile("/x", "x");
      const again = await snapshots.resume("a");
      assertEqual(again.key, "a", "key");
      assertEqual(await again.readTextFile("/x"), "x", "/x");
    },
  },
  {
    name: "lets keys be used again once they are free",
    async run(snapshots) {
      await commitEmpty(snapshots, "committed-1");
      await snapshots.prepare("reuse", "committed-1");
      await snapshots.remove("reuse");
      await snapshots.view("reuse", "committed-1");
      await snapshots.remove("reuse");
      const work = await snapshots.prepare("reuse");
      await work.writeFile("/mine", "");
      await snapshots.remove("committed-1");
      const ref = await snapshots.commit("committed-1", "reuse");
      assertEqual(await ref.readdir("/"), ["mine"], "names in the new committed-1");
      ref.release();
      await assertRejects(snapshots.remove("reuse"), "NOT_FOUND", "removing a key that was committed");
    },
  },
  {
    name: "takes any string of characters as a key",
    async run(snapshots) {
      const keys = ["/a/b", "..", ".", "a b", "sha256:0123", "Ä€😀", "%2F", "A", "a"];
      for (const key of keys) await snapshots.prepare(key);
      assertEqual(
        (await walked(snapshots)).map(({ key }) => key),
        [...keys].sort(),
        "keys walked over",
      );
      for (const key of keys) assertEqual((await snapshots.stat(key)).key, key, "key");
      await assertRejects(snapshots.prepare(""), "INVALID_ARGUMENT", "preparing the empty key");
      await assertRejects(snapshots.commit("", "a"), "INVALID_ARGUMENT", "committing under the empty name");
    },
  },
  {
    name: "sets and removes labels, and does not take over those of the active one at commit",
    async run(snapshots) {
      await snapshots.prepare("a", undefined, { labels: { l1: "v1", l2: "v2" } });
      const updated = await snapshots.label("a", { l1: "updated", l2: undefined, l3: "v3" });
      assertEqual(updated, { key: "a", kind: "active", labels: { l1: "updated", l3: "v3" } }, "info after label");
      assertEqual(await snapshots.stat("a"), updated, "stat after label");
      (await snapshots.commit("base", "a", { labels: { own: "yes" } })).release();
      assertEqual((await snapshots.stat("base")).labels, { own: "yes" }, "labels of the committed one");
      await snapshots.label("base", { more: "1" });
      assertEqual((await snapshots.stat("base")).labels, { more: "1", own: "yes" }, "labels of the committed one");
      await assertRejects(snapshots.label("nothing", {}), "NOT_FOUND", "label of a key that nobody has");
    },
  },
  {
    name: "walks over all snapshots ordered by key, and can be used meanwhile",
    async run(snapshots) {
      await commitEmpty(snapshots, "p");
      await snapshots.prepare("b", "p");
      await snapshots.view("v", "p");
      await snapshots.prepare("a");
      const seen: SnapshotInfo[] = [];
      await snapshots.walk(async (info) => {
        seen.push(info);
        assertEqual(await snapshots.stat(info.key), info, `stat of ${info.key} while walking`);
      });
      assertEqual(
        seen,
        [
          { key: "a", kind: "active", labels: {} },
          { key: "b", kind: "active", parent: "p", labels: {} },
          { key: "p", kind: "committed", labels: {} },
          { key: "v", kind: "view", parent: "p", labels: {} },
        ],
        "what was walked over",
      );
    },
  },
  {
    name: "removes neither parents nor what is held",
    async run(snapshots) {
      await commitEmpty(snapshots, "base");
      await snapshots.prepare("active", "base");
      await assertRejects(snapshots.remove("base"), "FAILED_PRECONDITION", "removing the parent of an active one");
      await snapshots.remove("active");
      await snapshots.view("view", "base");
      await assertRejects(snapshots.remove("base"), "FAILED_PRECONDITION", "removing the parent of a view");
      await snapshots.remove("view");

      const first = await snapshots.get("base");
      const second = await snapshots.get("base");
      await assertRejects(snapshots.remove("base"), "FAILED_PRECONDITION", "removing what is held twice");
      first.release();
      first.release();
      await assertRejects(snapshots.remove("base"), "FAILED_PRECONDITION", "removing what is held once");
      assertEqual(await second.readdir("/"), [], "names in what is held, after refused removals");
      second.release();
      await snapshots.remove("base");
      await assertRejects(snapshots.remove("base"), "NOT_FOUND", "removing it again");
    },
  },
  {
    name: "lets only one of many calls at the same time have a key",
    async run(snapshots) {
      await commitEmpty(snapshots, "base");
      const prepared = await Promise.allSettled(Array.from({ length: 6 }, () => snapshots.prepare("key", "base")));
      assertEqual(prepared.filter(({ status }) => status === "fulfilled").length, 1, "prepares that succeeded");
      for (const key of ["w0", "w1", "w2", "w3"]) await snapshots.prepare(key);
      const committed = await Promise.allSettled(["w0", "w1", "w2", "w3"].map((key) => snapshots.commit("name", key)));
      assertEqual(committed.filter(({ status }) => status === "fulfilled").length, 1, "commits that succeeded");
      for (const result of committed) if (result.status === "fulfilled") result.value.release();
      const kinds = (await walked(snapshots)).map(({ kind }) => kind).sort();
      assertEqual(kinds, ["active", "active", "active", "active", "committed", "committed"], "what there is then");
    },
  },
];
