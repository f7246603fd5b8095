import { describe, expect, it } from "vitest";
import { applyLayer } from "../../src/diff/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { dir, type Entry, file, link, symlink, tarOf, workbench } from "./support.ts";

/** The cases of containerd's `TestBreakouts` (pkg/archive/tar_test.go): no layer reaches out of the root, or wipes it out. */
interface Breakout {
  readonly name: string;
  readonly before?: (work: WritableSnapshot) => Promise<void>;
  readonly layer: readonly Entry[];
  readonly check?: (work: WritableSnapshot) => Promise<void>;
  readonly refused?: boolean;
}

const text =
  (path: string, expected: string) =>
  async (work: WritableSnapshot): Promise<void> =>
    expect(await work.readTextFile(path)).toBe(expected);

const absent =
  (path: string) =>
  async (work: WritableSnapshot): Promise<void> =>
    expect(await work.lstat(path).catch((error: unknown) => error)).toMatchObject({ code: "NOT_FOUND" });

const sameFile =
  (a: string, b: string) =>
  async (work: WritableSnapshot): Promise<void> => {
    const [first, second] = [await work.stat(a), await work.stat(b)];
    expect(first.node.type).toBe("file");
    expect(inodeOf(first)).toBe(inodeOf(second));
    expect(first.path === second.path || inodeOf(first) !== undefined).toBe(true);
  };

const notSameFile =
  (a: string, b: string) =>
  async (work: WritableSnapshot): Promise<void> => {
    const [first, second] = [await work.stat(a), await work.stat(b)];
    expect(first.path).not.toBe(second.path);
    expect(first.links === 1 || inodeOf(first) !== inodeOf(second)).toBe(true);
  };

const sameSymlink =
  (a: string, b: string) =>
  async (work: WritableSnapshot): Promise<void> =>
    expect(await work.readlink(a)).toBe(await work.readlink(b));

const inodeOf = ({ node }: Awaited<ReturnType<WritableSnapshot["stat"]>>): number | undefined =>
  node.type === "directory" ? undefined : node.inode;

const all =
  (...checks: readonly ((work: WritableSnapshot) => Promise<void>)[]) =>
  async (work: WritableSnapshot): Promise<void> => {
    for (const check of checks) await check(work);
  };

const inside = async (work: WritableSnapshot): Promise<void> => {
  await work.mkdir("/etc");
  await work.writeFile("/etc/passwd", "inside");
};

const withSymlink =
  (target: string) =>
  async (work: WritableSnapshot): Promise<void> => {
    await inside(work);
    await work.writeFile("/etc/whitedout", "ahhhh whiteout");
    await work.symlink(target, "/localetc");
  };

const etc = [dir("etc", 0o770), file("/etc/passwd", "inside")];
const unbroken = text("/etc/unbroken", "unbroken");

const breakouts: readonly Breakout[] = [
  {
    name: "SymlinkAbsolute",
    layer: [dir("etc"), symlink("/etc", "localetc"), file("/localetc/unbroken", "unbroken")],
    check: unbroken,
  },
  {
    name: "SymlinkUpAndOut",
    layer: [dir("etc"), dir("dummy"), symlink("/dummy/../etc", "localetc"), file("/localetc/unbroken", "unbroken")],
    check: unbroken,
  },
  {
    name: "SymlinkMultipleAbsolute",
    layer: [
      ...[dir("etc"), dir("dummy"), symlink("/etc", "/dummy/etc"), symlink("/dummy/etc", "localetc")],
      file("/dummy/etc/unbroken", "unbroken"),
    ],
    check: unbroken,
  },
  {
    name: "SymlinkMultipleRelative",
    layer: [
      ...[dir("etc"), dir("dummy"), symlink("/etc", "/dummy/etc"), symlink("./dummy/etc", "localetc")],
      file("/dummy/etc/unbroken", "unbroken"),
    ],
    check: unbroken,
  },
  {
    name: "SymlinkEmptyFile",
    layer: [dir("etc"), file("etc/emptied", "notempty"), symlink("/etc", "localetc"), file("/localetc/emptied", "")],
    check: text("/etc/emptied", ""),
  },
  {
    name: "HardlinkRelative",
    layer: [
      ...[...etc, dir("breakouts"), symlink("../../etc", "breakouts/d1")],
      link("/breakouts/d1/passwd", "breakouts/mypasswd"),
    ],
    check: sameFile("/breakouts/mypasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkDownAndOut",
    layer: [
      ...[...etc, dir("breakouts"), dir("downandout"), symlink("../downandout/../../etc", "breakouts/d1")],
      link("/breakouts/d1/passwd", "breakouts/mypasswd"),
    ],
    check: sameFile("/breakouts/mypasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkAbsolute",
    layer: [...etc, symlink("/etc", "localetc"), link("/localetc/passwd", "localpasswd")],
    check: sameFile("localpasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkRelativeLong",
    layer: [...etc, symlink("../../../../../../../etc", "localetc"), link("/localetc/passwd", "localpasswd")],
    check: sameFile("localpasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkRelativeUpAndOut",
    layer: [...etc, symlink("upandout/../../../etc", "localetc"), link("/localetc/passwd", "localpasswd")],
    check: sameFile("localpasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkDirectRelative",
    layer: [...etc, link("../../../../../etc/passwd", "localpasswd")],
    check: sameFile("localpasswd", "/etc/passwd"),
  },
  {
    name: "HardlinkDirectAbsolute",
    layer: [...etc, link("/etc/passwd", "localpasswd")],
    check: sameFile("localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkParentDirectory",
    layer: [...etc, symlink("/etc/", ".."), link("/etc/passwd", "localpasswd")],
    check: sameFile("/localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkEmptyFilename",
    layer: [...etc, symlink("/etc/", "."), link("/etc/passwd", "localpasswd")],
    check: sameFile("/localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkParentRelative",
    layer: [...etc, symlink("/etc/", "localetc/sub/.."), link("/etc/passwd", "/localetc/localpasswd")],
    check: sameFile("/localetc/localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkSlashEnded",
    layer: [...etc, dir("localetc/", 0o770), link("/etc/passwd", "/localetc/localpasswd")],
    check: sameFile("/localetc/localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkOverrideDirectory",
    before: async (work) => {
      await inside(work);
      await work.mkdir("/localetc");
    },
    layer: [symlink("/etc", "localetc"), link("/etc/passwd", "/localetc/localpasswd")],
    check: sameFile("/localetc/localpasswd", "/etc/passwd"),
  },
  {
    name: "SymlinkOverrideDirectoryRelative",
    before: async (work) => {
      await inside(work);
      await work.mkdir("/localetc");
    },
    layer: [symlink("../../etc", "localetc"), link("/etc/passwd", "/localetc/localpasswd")],
    check: sameFile("/localetc/localpasswd", "/etc/passwd"),
  },
  {
    name: "DirectoryOverrideSymlink",
    before: withSymlink("/etc"),
    layer: [dir("/localetc/"), link("/etc/passwd", "/localetc/localpasswd")],
    check: all(sameFile("/localetc/localpasswd", "/etc/passwd"), absent("/etc/localpasswd")),
  },
  {
    name: "DirectoryOverrideSymlinkAndHardlink",
    before: async (work) => {
      await withSymlink("etc")(work);
      await work.link("/etc/passwd", "/localetc/localpasswd");
    },
    layer: [dir("/localetc/"), file("/localetc/localpasswd", "different")],
    check: all(notSameFile("/localetc/localpasswd", "/etc/passwd"), text("/etc/passwd", "inside")),
  },
  { name: "WhiteoutRootParent", before: inside, layer: [file(".wh...")], refused: true },
  { name: "WhiteoutParent", before: inside, layer: [file("etc/.wh...")], refused: true },
  { name: "WhiteoutRoot", before: inside, layer: [file(".wh..")], refused: true },
  { name: "WhiteoutCurrentDirectory", before: inside, layer: [file("etc/.wh..")], refused: true },
  { name: "WhiteoutNothing", before: inside, layer: [file("etc/.wh.")], refused: true },
  {
    name: "WhiteoutSymlink",
    before: withSymlink("/etc"),
    layer: [file(".wh.localetc")],
    check: all(text("/etc/passwd", "inside"), absent("/localetc")),
  },
  {
    name: "WhiteoutSymlinkPath",
    before: withSymlink("/etc"),
    layer: [file("localetc/.wh.whitedout")],
    check: all(text("/etc/passwd", "inside"), absent("/etc/whitedout")),
  },
  {
    name: "WhiteoutDirectoryName",
    before: withSymlink("/etc"),
    layer: [file(".wh.etc/somefile", "non-empty")],
    check: all(text("/etc/passwd", "inside"), text("/.wh.etc/somefile", "non-empty")),
  },
  {
    name: "WhiteoutDeadSymlinkParent",
    before: withSymlink("/dne"),
    layer: [file("localetc/.wh.etc")],
    check: text("/etc/passwd", "inside"),
  },
  {
    name: "WhiteoutRelativePath",
    before: withSymlink("/dne"),
    layer: [file("dne/../.wh.etc")],
    check: absent("/etc/passwd"),
  },
  {
    name: "SymlinkOverridePath",
    layer: [
      ...[dir("foo"), dir("foo/tmp"), file("foo/tmp/breakout", "012"), symlink("/", "foo")],
      file("foo/tmp/breakout", "345"),
      ...[dir("foo"), dir("foo/tmp"), file("foo/tmp/breakout", "678")],
    ],
    check: all(text("/tmp/breakout", "345"), text("/foo/tmp/breakout", "678")),
  },
  {
    name: "HardlinkSymlinkBeforeCreateTarget",
    layer: [
      ...[dir("etc", 0o770), symlink("/etc/passwd", "localpasswd"), link("localpasswd", "localpasswd-dup")],
      file("/etc/passwd", "after"),
    ],
    check: all(sameFile("localpasswd-dup", "/etc/passwd"), text("/localpasswd-dup", "after")),
  },
  {
    name: "HardlinkSymlinkRelative",
    layer: [...etc, symlink("../../../../../etc/passwd", "passwdlink"), link("/passwdlink", "localpasswd")],
    check: all(sameSymlink("/localpasswd", "/passwdlink"), sameFile("/localpasswd", "/etc/passwd")),
  },
  {
    name: "HardlinkSymlinkAbsolute",
    layer: [...etc, symlink("/etc/passwd", "passwdlink"), link("/passwdlink", "localpasswd")],
    check: all(sameSymlink("/localpasswd", "/passwdlink"), sameFile("/localpasswd", "/etc/passwd")),
  },
  {
    name: "HardlinkSymlinkChmod",
    layer: [
      file("perm400", "...", 0o400),
      symlink("/perm400", "elsewhere"),
      { ...link("elsewhere", "sketchy"), mode: 0o777 },
    ],
    check: async (work) => expect((await work.stat("/perm400")).node.mode).toBe(0o400),
  },
];

describe("a layer that tries to break out", () => {
  for (const { name, before, layer, check, refused = false } of breakouts) {
    it(`${name}: ${refused ? "is refused" : "stays inside"}`, async () => {
      const bench = workbench();
      const parent = before === undefined ? undefined : (await bench.make(before)).key;
      const work = await bench.snapshots.prepare("work", parent);
      const applied = applyLayer(work, tarOf(...layer));
      if (refused) {
        await expect(applied).rejects.toMatchObject({ code: "INVALID_PATH" });
        expect(await work.readTextFile("/etc/passwd")).toBe("inside");
      } else {
        expect((await applied).entries).toBe(layer.length);
        await check?.(work);
      }
    });
  }

  const refusals: readonly (readonly [string, readonly Entry[], string])[] = [
    ["a hard link to what is not there", [link("../../../../etc/shadow", "shadow")], "INVALID_PATH"],
    ["a hard link to itself", [file("a", "1"), link("a", "a")], "INVALID_PATH"],
    ["a hard link to a directory", [dir("d"), link("d", "e")], "INVALID_PATH"],
    ["a hard link to the root", [link("..", "e")], "INVALID_PATH"],
    ["a file under a file", [file("a", "1"), file("a/b", "2")], "NOT_A_DIRECTORY"],
    ["a symlink loop on the way", [symlink("b", "a"), symlink("a", "b"), file("a/x", "2")], "SYMLINK_LOOP"],
    ["a name of 256 bytes", [file("n".repeat(256))], "INVALID_PATH"],
    ["a path of 4096 bytes", [file(`${"d/".repeat(2048)}f`)], "INVALID_PATH"],
  ];
  for (const [what, layer, code] of refusals) {
    it(`${what} is refused`, async () => {
      const work = await workbench().snapshots.prepare("work");
      await expect(applyLayer(work, tarOf(...layer))).rejects.toMatchObject({ code });
    });
  }
});
