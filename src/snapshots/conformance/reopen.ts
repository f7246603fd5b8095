import { assertEqual, assertRejects, type ConformanceCase } from "../../conformance.ts";
import type { SnapshotInfo, Snapshotter } from "../snapshotter.ts";
import { commitEmpty } from "./lifecycle.ts";

/** What a second snapshotter over the same stores must see, and what the two must keep each other from. */
export function reopenCases(
  open: () => Promise<Snapshotter>,
  reopen: () => Promise<Snapshotter>,
): readonly ConformanceCase[] {
  return [
    {
      name: "reopened: has all snapshots, with their files, links and labels",
      async run() {
        const before = await open();
        const base = await before.prepare("base-work");
        await base.writeFile("/dir/file", "content", { mode: 0o640, xattrs: { "user.x": "y" } });
        await base.link("/dir/file", "/second");
        await base.symlink("dir/file", "/link");
        (await before.commit("base", "base-work", { labels: { l: "1" } })).release();
        const work = await before.prepare("work", "base");
        await work.writeFile("/new", "new");
        const saved = await work.tree();
        await before.view("view", "base");
        const infos: SnapshotInfo[] = [];
        await before.walk((info) => {
          infos.push(info);
        });

        const after = await reopen();
        const found: SnapshotInfo[] = [];
        await after.walk((info) => {
          found.push(info);
        });
        assertEqual(found, infos, "snapshots");
        const ref = await after.get("base");
        assertEqual(await ref.readTextFile("/link"), "content", "/link");
        assertEqual((await ref.stat("/second")).links, 2, "names of the linked file");
        const { mode, xattrs } = (await ref.stat("/dir/file")).node;
        assertEqual([mode, xattrs], [0o640, new Map([["user.x", Uint8Array.of(0x79)]])], "attributes of /dir/file");
        ref.release();
        const resumed = await after.resume("work");
        assertEqual((await resumed.tree()).root.digest, saved.root.digest, "digest of the active snapshot's tree");
        await resumed.writeFile("/more", "more");
        const top = await after.commit("top", "work");
        assertEqual(await top.readdir("/"), ["dir", "link", "more", "new", "second"], "names in /");
        top.release();
      },
    },
    {
      name: "reopened: has of an active snapshot what was saved by tree()",
      async run() {
        const before = await open();
        const work = await before.prepare("work");
        await work.writeFile("/saved", "1");
        await work.tree();
        await work.writeFile("/not-saved", "2");
        const resumed = await (await reopen()).resume("work");
        assertEqual(await resumed.readdir("/"), ["saved"], "names in the resumed snapshot");
      },
    },
    {
      name: "two at once: never the same key twice",
      async run() {
        const both = [await open(), await reopen()];
        await commitEmpty(both[0] as Snapshotter, "base");
        for (let round = 0; round < 8; round++) {
          const results = await Promise.allSettled(both.map((snapshots) => snapshots.prepare(`key-${round}`, "base")));
          assertEqual(results.filter(({ status }) => status === "fulfilled").length, 1, "prepares that succeeded");
        }
      },
    },
    {
      name: "two at once: no parent is removed while a child is prepared on it",
      async run() {
        const [one, other] = [await open(), await reopen()];
        for (let round = 0; round < 8; round++) {
          const base = `base-${round}`;
          const child = `child-${round}`;
          await commitEmpty(one, base);
          const [removed, prepared] = await Promise.allSettled([one.remove(base), other.prepare(child, base)]);
          if (prepared.status === "fulfilled") {
            assertEqual(removed.status, "rejected", "the removal, where the child was prepared");
            assertEqual((await other.stat(base)).kind, "committed", "the parent, where the child was prepared");
          } else {
            await assertRejects(one.stat(child), "NOT_FOUND", "stat of the child that was refused");
            if (removed.status === "fulfilled")
              await assertRejects(other.stat(base), "NOT_FOUND", "stat of the parent");
          }
        }
      },
    },
    {
      name: "two at once: what one committed or removed, the other cannot commit or save any more",
      async run() {
        const [one, other] = [await open(), await reopen()];
        const work = await one.prepare("work");
        await work.writeFile("/x", "x");
        await work.tree();
        (await other.commit("taken-over", "work")).release();
        await assertRejects(one.commit("mine", "work"), "NOT_FOUND", "committing what was committed elsewhere");
        await work.writeFile("/y", "y");
        await assertRejects(work.tree(), "FAILED_PRECONDITION", "saving what was committed elsewhere");
        const ref = await one.get("taken-over");
        assertEqual(await ref.readdir("/"), ["x"], "names in what was committed");
        ref.release();
      },
    },
  ];
}
