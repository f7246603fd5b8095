import { describe, expect, it } from "vitest";
import { type LayerWarning, layerEntries } from "../../src/diff/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { lines, pair, workbench } from "./support.ts";

type Step = (work: WritableSnapshot) => Promise<void>;

async function diff(before: Step, after: Step): Promise<string[]> {
  const { lower, upper } = await pair(before, after);
  return lines(lower, upper);
}

/** Makes directories, and files with the same content, by their paths; a path that ends in `/` is a directory. */
const paths =
  (...all: readonly string[]): Step =>
  async (work) => {
    for (const path of all) {
      if (path.endsWith("/")) await work.mkdir(path, { recursive: true });
      else await work.writeFile(path, "link me");
    }
  };

const steps =
  (...all: readonly Step[]): Step =>
  async (work) => {
    for (const step of all) await step(work);
  };

describe("the entries of a layer", () => {
  it("are none where nothing changed", async () => {
    expect(await diff(paths("/etc/"), async () => {})).toEqual([]);
  });

  it("have the parents of what changed, once and before it", async () => {
    const before = paths("/d1/", "/d2/a/b/", "/d3/");
    const after = paths("/d1/d/", "/d2/a/b/f", "/d2/a/b/g", "/d2/a/h");
    expect(await diff(before, after)).toEqual([
      "d1/",
      "d1/d/",
      "d2/",
      "d2/a/",
      "d2/a/b/",
      "d2/a/b/f",
      "d2/a/b/g",
      "d2/a/h",
    ]);
  });

  it("give parents their own attributes", async () => {
    const { lower, upper } = await pair(
      (work) => work.mkdir("/d", { mode: 0o1770, uid: 3, gid: 4, mtime: 5, xattrs: { "user.a": "1" } }),
      (work) => work.writeFile("/d/f", "x"),
    );
    const [parent] = [...layerEntries(lower, upper)];
    expect(parent?.header).toEqual({
      name: "d",
      type: "directory",
      mode: 0o1770,
      uid: 3,
      gid: 4,
      mtime: 5,
      size: 0,
      xattrs: new Map([["user.a", new TextEncoder().encode("1")]]),
    });
  });

  it("have a changed directory and what is new in it", async () => {
    const after = steps((work) => work.chmod("/d1", 0o777), paths("/d1/d/", "/d2/f"));
    expect(await diff(paths("/d1/", "/d2/"), after)).toEqual(["d1/", "d1/d/", "d2/", "d2/f"]);
  });

  it("have no entry for the root", async () => {
    expect(await diff(paths(), (work) => work.chmod("/", 0o700))).toEqual([]);
  });

  it("are ordered bytewise with the slash lowest", async () => {
    const { tree } = await workbench().make(paths("/a/", "/a.b", "/a-b", "/a/b", "/a/-", "/A"));
    expect(lines(undefined, tree)).toEqual(["A", "a/", "a/-", "a/b", "a-b", "a.b"]);
  });
});

describe("whiteouts", () => {
  it("stand where the removed name stood, with its parents", async () => {
    const before = paths("/d1/f1", "/d2/f1", "/d2/f2", "/d3/f1", "/d4/f1", "/d5/f1");
    const after: Step = async (work) => {
      for (const d of ["d1", "d2", "d3", "d4"]) await work.remove(`/${d}/f1`);
      await work.chmod("/d2/f2", 0o777);
      await work.writeFile("/d3/f2", "");
      await work.writeFile("/d4/f0", "");
      await work.remove("/d5", { recursive: true });
    };
    expect(await diff(before, after)).toEqual([
      ...["d1/", "d1/.wh.f1", "d2/", "d2/.wh.f1", "d2/f2", "d3/", "d3/.wh.f1", "d3/f2", "d4/", "d4/f0", "d4/.wh.f1"],
      ".wh.d5",
    ]);
  });

  it("do not sort by their own names", async () => {
    const after: Step = async (work) => {
      await work.remove("/rm");
      await work.writeFile("/mt", "changed");
      await work.remove("/dd/2");
      await work.writeFile("/dd/1", "changed");
      await work.writeFile("/dd/3", "changed");
    };
    expect(await diff(paths("/mt", "/rm", "/dd/1", "/dd/2", "/dd/3"), after)).toEqual([
      ...["dd/", "dd/1", "dd/.wh.2", "dd/3"],
      ...["mt", ".wh.rm"],
    ]);
  });

  it("are empty files of nobody, at the epoch", async () => {
    const { lower, upper } = await pair(paths("/f"), (work) => work.remove("/f"));
    expect([...layerEntries(lower, upper, { sourceDateEpoch: 5 })]).toEqual([
      { header: { name: ".wh.f", type: "file", mode: 0, uid: 0, gid: 0, size: 0, mtime: 0 } },
    ]);
  });

  it("are of the top of a removed tree alone", async () => {
    const after: Step = async (work) => {
      await work.remove("/d1", { recursive: true });
      await work.remove("/d2", { recursive: true });
      await work.mkdir("/d3");
    };
    expect(await diff(paths("/d1/", "/d2/a/f1"), after)).toEqual([".wh.d1", ".wh.d2", "d3/"]);
  });

  it("are not needed where a directory became a file, or a file a directory", async () => {
    const toFile = steps((work) => work.remove("/d", { recursive: true }), paths("/d"));
    expect(await diff(paths("/d/a/f", "/d/g", "/d-"), toFile)).toEqual(["d"]);
    const toDirectory = steps((work) => work.remove("/f"), paths("/f/g/h"));
    expect(await diff(paths("/f"), toDirectory)).toEqual(["f/", "f/g/", "f/g/h"]);
  });

  it("tell what a directory lost that was removed and made again", async () => {
    const after = steps((work) => work.remove("/d", { recursive: true }), paths("/d/new", "/d/same"));
    expect(await diff(paths("/d/old", "/d/same", "/d/sub/x"), after)).toEqual([
      "d/",
      "d/new",
      "d/.wh.old",
      "d/.wh.sub",
    ]);
  });
});

describe("hard links", () => {
  const link =
    (from: string, to: string): Step =>
    (work) =>
      work.link(from, to);

  it("name the first path in order, which has the content", async () => {
    const { tree } = await workbench().make(steps(paths("/z/h1", "/b/"), link("/z/h1", "/b/h2"), link("/z/h1", "/a")));
    expect(lines(undefined, tree)).toEqual(["a", "b/", "b/h2 => a", "z/", "z/h1 => a"]);
    const [first, ...others] = [...layerEntries(undefined, tree)].filter(({ header }) => header.type !== "directory");
    expect(first?.header.size).toBe(7);
    expect(first?.file).toBeDefined();
    expect(others.map(({ header, file }) => [header.size, file])).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
  });

  it("bring the unchanged paths of their group with them, in their places", async () => {
    const after = steps(link("/z/h1", "/b/h2"), link("/z/h1", "/z/zz"));
    expect(await diff(paths("/b/", "/z/h1", "/z/x"), after)).toEqual([
      ...["b/", "b/h2", "z/", "z/h1 => b/h2", "z/zz => b/h2"],
    ]);
  });

  it("bring unchanged paths that stand before right after the content", async () => {
    const before = steps(paths("/d1/f1", "/d2/f1", "/d3/", "/d4/f1", "/d5/f1", "/d6/"), async (work) => {
      await work.link("/d1/f1", "/d6/l1");
      await work.link("/d5/f1", "/d6/l2");
    });
    const after = steps(link("/d1/f1", "/d2/l1"), link("/d4/f1", "/d3/l1"), async (work) => {
      await work.remove("/d6/l1");
      await work.remove("/d6/l2");
    });
    expect(await diff(before, after)).toEqual([
      ...["d2/", "d2/l1", "d1/", "d1/f1 => d2/l1"],
      ...["d3/", "d3/l1", "d4/", "d4/f1 => d3/l1"],
      ...["d6/", "d6/.wh.l1", "d6/.wh.l2"],
    ]);
  });

  it("do not bring parents again that are there", async () => {
    const before = paths("/d1/f1", "/d2/f1", "/d3/f1", "/d4/");
    const after: Step = async (work) => {
      await work.chmod("/d1", 0o777);
      await work.link("/d1/f1", "/d2/l1");
      await work.chmod("/d4", 0o777);
      await work.link("/d3/f1", "/d4/l1");
    };
    expect(await diff(before, after)).toEqual([
      ...["d1/", "d2/", "d2/l1", "d1/f1 => d2/l1"],
      ...["d4/", "d4/l1", "d3/", "d3/f1 => d4/l1"],
    ]);
  });

  it("are only a whiteout where one of them was removed", async () => {
    const before = steps(paths("/a"), link("/a", "/b"), link("/a", "/c"));
    expect(await diff(before, (work) => work.remove("/b"))).toEqual([".wh.b"]);
  });

  it("all change when one of them does", async () => {
    const before = steps(paths("/a"), link("/a", "/b"), link("/a", "/c"));
    expect(await diff(before, (work) => work.chmod("/b", 0o600))).toEqual(["a", "b => a", "c => a"]);
  });

  it("that wait for their places in several groups come in order, between other changes", async () => {
    const after = steps(link("/z/1", "/a1"), link("/z/0", "/a2"), paths("/m", "/z/0a"));
    expect(await diff(paths("/z/0", "/z/1", "/z/2"), after)).toEqual([
      ...["a1", "a2", "m", "z/", "z/0 => a2", "z/0a", "z/1 => a1"],
    ]);
  });

  it("of symlinks and devices are links like others; those of devices keep their numbers", async () => {
    const { tree } = await workbench().make(async (work) => {
      await work.symlink("target", "/s1");
      await work.link("/s1", "/s2");
      await work.mknod("/t1", "char", { major: 1, minor: 3, mode: 0o666 });
      await work.link("/t1", "/t2");
    });
    const entries = [...layerEntries(undefined, tree)].map(({ header }) => header);
    expect(entries.map(({ name, type }) => [name, type])).toEqual([
      ["s1", "symlink"],
      ["s2", "link"],
      ["t1", "char"],
      ["t2", "link"],
    ]);
    expect(entries[1]).toMatchObject({ linkName: "s1", mode: 0o777 });
    expect(entries[3]).toMatchObject({ linkName: "t1", deviceMajor: 1, deviceMinor: 3, mode: 0o666 });
  });
});

describe("what a layer cannot hold", () => {
  it("sockets are left out, with a warning", async () => {
    const { tree } = await workbench().make(async (work) => {
      await work.mkdir("/run");
      await work.mknod("/run/socket", "socket");
      await work.writeFile("/z", "");
    });
    const warnings: LayerWarning[] = [];
    expect(lines(undefined, tree, { onWarning: (warning) => warnings.push(warning) })).toEqual(["run/", "z"]);
    expect(warnings).toEqual([{ path: "/run/socket", message: expect.stringMatching(/socket/) }]);
  });

  it("a socket in the place of a file is told to leave that file where it was", async () => {
    const { lower, upper } = await pair(paths("/s"), async (work) => {
      await work.remove("/s");
      await work.mknod("/s", "socket");
    });
    const warnings: LayerWarning[] = [];
    expect(lines(lower, upper, { onWarning: (warning) => warnings.push(warning) })).toEqual([]);
    expect(warnings[0]?.message).toMatch(/the file of the lower tree stays/);
  });

  for (const name of [".wh.x", ".wh.", ".wh..wh..opq"]) {
    it(`a name like ${name} is refused and named`, async () => {
      const { tree } = await workbench().make((work) => work.writeFile(`/d/${name}`, ""));
      expect(() => lines(undefined, tree)).toThrow(
        expect.objectContaining({ code: "INVALID_PATH", message: expect.stringContaining(`/d/${name}`) }),
      );
      const { lower, upper } = await pair(paths(`/d/${name}`), (work) => work.remove(`/d/${name}`));
      expect(() => lines(lower, upper)).toThrow(expect.objectContaining({ code: "INVALID_PATH" }));
    });
  }

  it("such a name is nobody's business where it does not change", async () => {
    expect(await diff(paths("/d/.wh.x", "/d/y"), paths("/d/z"))).toEqual(["d/", "d/z"]);
  });
});

describe("options", () => {
  it("sourceDateEpoch moves later mtimes down to it, and no others", async () => {
    const { tree } = await workbench().make(async (work) => {
      await work.mkdir("/d", { mtime: 2000 });
      await work.writeFile("/d/new", "", { mtime: 1001 });
      await work.writeFile("/d/old", "", { mtime: -5 });
    });
    const mtimes = [...layerEntries(undefined, tree, { sourceDateEpoch: 1000 })].map(({ header }) => header.mtime);
    expect(mtimes).toEqual([1000, 1000, -5]);
  });

  it("xattrs restricts which are written", async () => {
    const { tree } = await workbench().make(async (work) => {
      await work.writeFile("/f", "", { xattrs: { "user.b": "2", "user.a": "1", "security.capability": "c" } });
    });
    const names = (options?: Parameters<typeof layerEntries>[2]) =>
      [...layerEntries(undefined, tree, options)].map(({ header }) => [...(header.xattrs?.keys() ?? [])]);
    expect(names()).toEqual([["security.capability", "user.a", "user.b"]]);
    expect(names({ xattrs: (name) => !name.startsWith("user.") })).toEqual([["security.capability"]]);
    expect(names({ xattrs: () => false })).toEqual([[]]);
  });
});
