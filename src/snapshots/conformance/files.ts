import { assert, assertEqual } from "../../conformance.ts";
import type { Ref, SnapshotReader, Snapshotter, WritableSnapshot } from "../snapshotter.ts";
import type { SnapshotterCase } from "./lifecycle.ts";

type Applier = (work: WritableSnapshot) => Promise<void>;

/** Commits one snapshot on the other, each with its changes, and gives the last one. */
async function layers(snapshots: Snapshotter, appliers: readonly Applier[]): Promise<Ref> {
  let top: Ref | undefined;
  for (const [i, apply] of appliers.entries()) {
    const work = await snapshots.prepare(`work-${i}`, top?.key);
    await apply(work);
    top?.release();
    top = await snapshots.commit(`layer-${i}`, work.key);
  }
  if (top === undefined) throw new Error("no layers");
  return top;
}

async function read(snapshot: SnapshotReader, paths: readonly string[]): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const path of paths) texts[path] = await snapshot.readTextFile(path);
  return texts;
}

export const fileCases: readonly SnapshotterCase[] = [
  {
    name: "begins with an empty root directory: 0755, owner 0:0, mtime 0",
    async run(snapshots) {
      const { node } = await (await snapshots.prepare("work")).stat("/");
      assert(node.type === "directory" && node.entries.size === 0, "the root is not an empty directory");
      assertEqual([node.mode, node.uid, node.gid, node.mtime], [0o755, 0, 0, 0], "attributes of the root");
    },
  },
  {
    name: "shows a child's changes of a file's content and attributes, layer by layer",
    async run(snapshots) {
      const top = await layers(snapshots, [
        async (work) => {
          await work.mkdir("/etc", { mode: 0o700 });
          await work.writeFile("/etc/hosts", "mydomain 10.0.0.1", { mode: 0o644 });
          await work.writeFile("/etc/passwd", "passwd", { uid: 5, gid: 6 });
        },
        async (work) => {
          await work.writeFile("/etc/hosts", "mydomain 10.0.0.120");
          await work.chmod("/etc/hosts", 0o600);
          await work.chown("/etc/passwd", 1000, 1001);
        },
        async (work) => await work.writeFile("/etc/passwd", "changed"),
      ]);
      assertEqual(
        await read(top, ["/etc/hosts", "/etc/passwd"]),
        { "/etc/hosts": "mydomain 10.0.0.120", "/etc/passwd": "changed" },
        "files",
      );
      assertEqual((await top.stat("/etc/hosts")).node.mode, 0o600, "mode of /etc/hosts");
      const { uid, gid } = (await top.stat("/etc/passwd")).node;
      assertEqual([uid, gid], [1000, 1001], "owner of /etc/passwd");
      assertEqual((await top.stat("/etc")).node.mode, 0o700, "mode of /etc");
      top.release();
    },
  },
  {
    name: "does not show what a child removed, and shows what was made anew in its place",
    async run(snapshots) {
      const top = await layers(snapshots, [
        async (work) => {
          for (const path of ["/foo", "/dir/a", "/dir/b", "/gone/x"]) await work.writeFile(path, path);
        },
        async (work) => {
          await work.remove("/foo");
          await work.remove("/dir", { recursive: true });
          await work.remove("/gone", { recursive: true });
        },
        async (work) => await work.writeFile("/dir/c", "new"),
      ]);
      assertEqual(await top.readdir("/"), ["dir"], "names in /");
      assertEqual(await top.readdir("/dir"), ["c"], "names in /dir");
      top.release();
    },
  },
  {
    name: "moves files and directories of a parent",
    async run(snapshots) {
      const top = await layers(snapshots, [
        async (work) => {
          await work.writeFile("/dir1/f1", "Hello");
          await work.writeFile("/dir2/f2", "...");
          await work.writeFile("/dir4/sub/f", "deep");
        },
        async (work) => {
          await work.mkdir("/dir3");
          await work.link("/dir2/f2", "/dir3/f2");
          await work.remove("/dir2/f2");
          await work.rename("/dir1/f1", "/dir3/f1");
          await work.remove("/dir1");
          await work.rename("/dir4", "/dir3/moved");
        },
      ]);
      assertEqual(await top.readdir("/"), ["dir2", "dir3"], "names in /");
      assertEqual(await top.readdir("/dir2"), [], "names in /dir2");
      assertEqual(
        await read(top, ["/dir3/f1", "/dir3/f2", "/dir3/moved/sub/f"]),
        { "/dir3/f1": "Hello", "/dir3/f2": "...", "/dir3/moved/sub/f": "deep" },
        "files",
      );
      assertEqual((await top.stat("/dir3/f2")).links, 1, "names of a file of which one was removed");
      top.release();
    },
  },
  {
    name: "keeps hard links from layer to layer",
    async run(snapshots) {
      const top = await layers(snapshots, [
        async (work) => {
          await work.writeFile("/a", "one");
          await work.link("/a", "/dir-b");
          await work.mkdir("/d");
          await work.link("/a", "/d/c");
        },
        async (work) => {
          await work.writeFile("/dir-b", "two");
          await work.rename("/d", "/e");
          await work.chmod("/e/c", 0o600);
        },
      ]);
      assertEqual(await read(top, ["/a", "/dir-b", "/e/c"]), { "/a": "two", "/dir-b": "two", "/e/c": "two" }, "files");
      assertEqual((await top.stat("/a")).links, 3, "names of the file");
      assertEqual((await top.stat("/a")).node.mode, 0o600, "mode of the file");
      assertEqual([...(await top.tree()).links.values()], [["/a", "/dir-b", "/e/c"]], "groups of hard links");
      top.release();
    },
  },
  {
    name: "keeps every kind of node and its attributes",
    async run(snapshots) {
      const xattrs = { "user.one": "1", "security.capability": Uint8Array.of(0, 255, 10) };
      const top = await layers(snapshots, [
        async (work) => {
          await work.symlink("../any where", "/link", { uid: 1, gid: 2, mtime: -5 });
          await work.mknod("/char", "char", { major: 5, minor: 1, mode: 0o620 });
          await work.mknod("/block", "block", { major: 8, minor: 300 });
          await work.mknod("/fifo", "fifo", { mtime: 7 });
          await work.mknod("/socket", "socket");
          await work.writeFile("/file", "x", { mode: 0o4755, uid: 4294967295, gid: 2 ** 40, mtime: 2 ** 40, xattrs });
          await work.mkdir("/directory", { mode: 0o1777, mtime: 3, xattrs });
        },
      ]);
      const kept = await Promise.all(
        (await top.readdir("/")).map(async (name) => {
          const { node } = await top.lstat(`/${name}`);
          const { type, mode, uid, gid, mtime } = node;
          return [name, type, mode, uid, gid, mtime, "major" in node ? [node.major, node.minor] : []];
        }),
      );
      assertEqual(
        kept,
        [
          ["block", "block", 0o644, 0, 0, 0, [8, 300]],
          ["char", "char", 0o620, 0, 0, 0, [5, 1]],
          ["directory", "directory", 0o1777, 0, 0, 3, []],
          ["fifo", "fifo", 0o644, 0, 0, 7, [0, 0]],
          ["file", "file", 0o4755, 4294967295, 2 ** 40, 2 ** 40, []],
          ["link", "symlink", 0o777, 1, 2, -5, []],
          ["socket", "socket", 0o644, 0, 0, 0, [0, 0]],
        ],
        "nodes",
      );
      assertEqual(await top.readlink("/link"), "../any where", "target of the symlink");
      const expected = new Map([
        ["security.capability", Uint8Array.of(0, 255, 10)],
        ["user.one", Uint8Array.of(0x31)],
      ]);
      assertEqual((await top.stat("/file")).node.xattrs, expected, "xattrs of the file");
      assertEqual((await top.stat("/directory")).node.xattrs, expected, "xattrs of the directory");
      top.release();
    },
  },
  {
    name: "says what a snapshot adds to its parent",
    async run(snapshots) {
      const base = await layers(snapshots, [
        async (work) => {
          await work.writeFile("/dir/a", "12345");
          await work.writeFile("/b", "123");
          await work.link("/b", "/c");
        },
      ]);
      assertEqual(await snapshots.usage("layer-0"), { size: 8, inodes: 4 }, "usage of the base");
      const work = await snapshots.prepare("work", "layer-0");
      assertEqual(await snapshots.usage("work"), { size: 0, inodes: 0 }, "usage of what has no changes");
      await work.writeFile("/dir/a", "1234567");
      await work.mkdir("/new");
      await work.remove("/b");
      assertEqual(await snapshots.usage("work"), { size: 7, inodes: 2 }, "usage of an active one");
      (await snapshots.commit("top", "work")).release();
      assertEqual(await snapshots.usage("top"), { size: 7, inodes: 2 }, "usage of a committed one");
      await snapshots.view("view", "top");
      assertEqual(await snapshots.usage("view"), { size: 0, inodes: 0 }, "usage of a view");
      base.release();
    },
  },
  {
    name: "takes 128 layers on top of each other",
    async run(snapshots) {
      const appliers: Applier[] = [
        async (work) => {
          await work.writeFile("/bottom", "way at the bottom\n");
          await work.writeFile("/overwriteme", "FIRST!\n");
          await work.mkdir("/addhere");
          await work.writeFile("/onlyme/bottom", "bye!\n");
        },
      ];
      for (let i = 1; i < 128; i++) {
        appliers.push(async (work) => {
          await work.writeFile("/overwriteme", `${i} WAS HERE!\n`);
          await work.writeFile(`/addhere/file-${i}`, "same\n");
          await work.remove("/onlyme", { recursive: true });
          await work.writeFile(`/onlyme/file-${i}`, "only me!\n");
        });
      }
      const top = await layers(snapshots, appliers);
      assertEqual(await top.readTextFile("/bottom"), "way at the bottom\n", "/bottom");
      assertEqual(await top.readTextFile("/overwriteme"), "127 WAS HERE!\n", "/overwriteme");
      assertEqual((await top.readdir("/addhere")).length, 127, "files in /addhere");
      assertEqual(await top.readdir("/onlyme"), ["file-127"], "names in /onlyme");
      top.release();
    },
  },
];
