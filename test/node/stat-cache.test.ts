import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryContentStore, withReferences } from "../../src/content/index.ts";
import { isSlipwayError, SlipwayError } from "../../src/errors.ts";
import { createExporter } from "../../src/exporter/index.ts";
import { type AddDirectoryOptions, type AddedDirectory, addDirectory } from "../../src/node/directory-source.ts";
import { openDirectoryStore } from "../../src/node/directory-store.ts";
import { isSettled, STAT_WORDS } from "../../src/node/stat-cache/file-stat.ts";
import { cutParts, decodePart, encodePart, nameOfPart, type RecordedFiles } from "../../src/node/stat-cache/part.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import { bundleScript } from "../support/bundle.ts";

let home: string;
let metadata: MetadataStore;

beforeEach(() => {
  home = mkdtempSync(join(realpathSync(tmpdir()), "slipway-stat-cache-"));
  metadata = createMemoryMetadataStore();
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), content);
}

interface Read extends AddedDirectory {
  /** Of the tree. */
  readonly digest: string;
}

/** Reads the directory by reference, as builds do. */
async function read(
  options: AddDirectoryOptions = {},
  content = withReferences(createMemoryContentStore()),
): Promise<Read> {
  const snapshots = createSnapshotter({ content, sources: "reference" });
  const work = await snapshots.prepare("work");
  const added = await addDirectory(work, home, { xattrs: false, statCache: metadata, ...options });
  return { ...added, digest: (await work.tree()).root.digest };
}

/** Reads until all files are known: they were not touched within the last tick of the file system's clock. */
async function readUntilKnown(options: AddDirectoryOptions = {}): Promise<Read> {
  let last: Read | undefined;
  await expect
    .poll(async () => {
      last = await read(options);
      return last.files - last.unread;
    })
    .toBe(0);
  return last as Read;
}

describe("a directory that is read again", () => {
  it("is not read where size, times, inode and device are as they were", async () => {
    for (let i = 0; i < 40; i++) write(`d${i % 3}/f${i}`, `content ${i}`);
    linkSync(join(home, "d0/f0"), join(home, "second-name"));
    const plain = await read({ statCache: undefined });
    expect(plain).toMatchObject({ files: 40, unread: 0 });
    expect(await readUntilKnown()).toEqual({ ...plain, unread: 40 });
    const events: ProgressEvent[] = [];
    await read({ onProgress: (event) => events.push(event) });
    expect(events.at(-1)).toMatchObject({ name: `reading ${home}`, state: "completed", cached: true });
  });

  it("is read where a file changed, though it is as long as before and its mtime was set back", async () => {
    write("a", "old a");
    write("b", "old b");
    const before = await readUntilKnown();
    const { atime, mtime } = lstatSync(join(home, "a"));
    writeFileSync(join(home, "a"), "new a");
    utimesSync(join(home, "a"), atime, mtime);
    const after = await read();
    expect(after.unread).toBe(1);
    expect(after.digest).not.toBe(before.digest);
    expect(after.digest).toBe((await read({ statCache: undefined })).digest);
  });

  it("takes modes, owners and times from what is there now", async () => {
    write("a", "a");
    await readUntilKnown({ preserveMtime: true });
    chmodSync(join(home, "a"), 0o755);
    utimesSync(join(home, "a"), 77, 77);
    const plain = await read({ preserveMtime: true, statCache: undefined });
    expect((await read({ preserveMtime: true })).digest).toBe(plain.digest);
  });

  it("does not trust a file that changed within the last tick of the clock before it was read", () => {
    const now = 1_700_000_000_500_000_000n;
    const old = now - 60_000_000_000n;
    const settled = (mtimeNs: bigint, ctimeNs: bigint): boolean => isSettled({ mtimeNs, ctimeNs } as never, now);
    expect(settled(old, old)).toBe(true);
    expect(settled(old, now - 200_000_001n)).toBe(true);
    expect(settled(old, now - 50_000_001n)).toBe(false);
    expect(settled(now - 50_000_001n, old)).toBe(false);
    expect(settled(old, now + 1n)).toBe(false);
    // A clock of whole seconds.
    expect(settled(old, 1_699_999_999_000_000_000n)).toBe(false);
    expect(settled(old, 1_699_999_997_000_000_000n)).toBe(true);
  });

  it("never makes another tree than without the records, whatever was done to it", async () => {
    let seed = 20_251;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const names = Array.from({ length: 30 }, (_, i) => `d${i % 4}/${i % 3 === 0 ? "e/" : ""}f${i}`);
    const text = (): string => `${random(10)}${random(10)}`;
    for (const name of names) write(name, text());
    const pick = (): string => names[random(names.length)] ?? "";
    const edits: readonly ((path: string) => void)[] = [
      (path) => writeFileSync(path, text()),
      (path) => {
        const { atime, mtime } = lstatSync(path);
        writeFileSync(path, text());
        utimesSync(path, atime, mtime);
      },
      (path) => {
        const { atime, mtime } = lstatSync(path);
        writeFileSync(`${path}.new`, text());
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      },
      (path) => chmodSync(path, random(2) === 0 ? 0o600 : 0o755),
      (path) => utimesSync(path, random(9), random(9)),
      (path) => {
        const other = join(home, pick());
        renameSync(path, `${path}.swap`);
        renameSync(other === path ? `${path}.swap` : other, path);
        if (other !== path) renameSync(`${path}.swap`, other);
      },
      (path) => {
        rmSync(path);
        linkSync(join(home, names.find((name) => join(home, name) !== path) ?? ""), path);
      },
      (path) => {
        rmSync(path);
        symlinkSync(text(), path);
      },
      (path) => {
        rmSync(path);
        writeFileSync(path, text());
      },
      () => {
        renameSync(join(home, "d0"), join(home, "moved"));
        renameSync(join(home, "d1"), join(home, "d0"));
        renameSync(join(home, "moved"), join(home, "d1"));
      },
    ];
    await readUntilKnown();
    let unread = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = random(4); i >= 0; i--) {
        const path = join(home, pick());
        // What an edit before this one has left cannot always be edited like this.
        try {
          edits[random(edits.length)]?.(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
          mkdirSync(dirname(path), { recursive: true });
          rmSync(path, { force: true });
          writeFileSync(path, text());
        }
      }
      const known = await read({ preserveMtime: true });
      const plain = await read({ preserveMtime: true, statCache: undefined });
      expect(known.digest, `round ${round}`).toBe(plain.digest);
      unread += known.unread;
    }
    expect(unread).toBeGreaterThan(0);
  });
});

describe("what is recorded", () => {
  const parts = async (): Promise<readonly string[]> => await metadata.keys("stat-cache/");

  it("is ignored where it is damaged, cut short or gone", async () => {
    for (let i = 0; i < 20; i++) write(`f${i}`, `${i}`);
    const { digest } = await readUntilKnown();
    for (const damage of [
      (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
      (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1),
      () => new Uint8Array(),
      () => undefined,
    ]) {
      for (const key of await parts()) {
        const bytes = damage((await metadata.get(key)) ?? new Uint8Array());
        if (bytes === undefined) await metadata.delete(key);
        else await metadata.set(key, bytes);
      }
      expect(await read()).toMatchObject({ digest, unread: 0 });
      expect((await readUntilKnown()).digest).toBe(digest);
    }
  });

  it("is written only in the parts that changed, and not at all if nothing did", async () => {
    mkdirSync(join(home, "many"));
    for (let i = 0; i < 9000; i++) writeFileSync(join(home, `many/f${i}`), "");
    write("z/last", "1");
    await readUntilKnown();
    const before = await parts();
    expect(before.length).toBeGreaterThan(3);
    const written: string[] = [];
    const watched: MetadataStore = {
      ...metadata,
      get: (key) => metadata.get(key),
      keys: (prefix) => metadata.keys(prefix),
      delete: (key) => metadata.delete(key),
      set: (key, value) => {
        written.push(key);
        return metadata.set(key, value);
      },
    };
    await read({ statCache: watched });
    expect(written).toEqual([]);
    writeFileSync(join(home, "z/last"), "2");
    await read({ statCache: watched });
    // Its part, and the list of parts.
    expect(written.length).toBe(2);
    expect((await parts()).filter((key) => before.includes(key)).length).toBe(before.length - 1);
  });

  it("stays for files that another filter leaves out, and goes with the files", async () => {
    for (const name of ["a/1", "a/2", "b/1", "b/c/2"]) write(name, name);
    await readUntilKnown();
    const onlyA = (path: string, isDirectory: boolean) => (path === "b" && isDirectory ? "skip-tree" : true);
    expect(await read({ filter: onlyA })).toMatchObject({ files: 2, unread: 2 });
    write("a/3", "3");
    await read({ filter: onlyA });
    expect((await read()).unread).toBeGreaterThanOrEqual(4);
    rmSync(join(home, "b"), { recursive: true });
    rmSync(join(home, "a/1"));
    await readUntilKnown();
    const recorded = (await Promise.all((await parts()).map((key) => metadata.get(key)))).flatMap((bytes) =>
      decodePart(bytes ?? new Uint8Array()).flatMap(({ directory, names }) =>
        names.map((name) => `${directory}/${name}`),
      ),
    );
    expect(recorded).toEqual(["/a", "a/2", "a/3"]);
  });

  it("is limited to the 64 directories that were read last", async () => {
    write("f", "f");
    await readUntilKnown();
    const [own] = await parts();
    const old = (i: number): string => `stat-cache/2/${String(i).padStart(64, "0")}`;
    for (let i = 0; i < 70; i++) {
      await metadata.set(old(i), new TextEncoder().encode(JSON.stringify({ used: 1000 + i, parts: [] })));
      await metadata.set(`${old(i)}/${"0".repeat(32)}`, new Uint8Array(3));
    }
    await metadata.delete(own ?? "");
    await readUntilKnown();
    const left = await parts();
    expect(left.filter((key) => key.split("/").length === 3).length).toBe(64);
    expect(left).toContain(own);
    expect(left.filter((key) => key.startsWith(old(6)))).toEqual([]);
    expect(left.filter((key) => key.startsWith(old(7)))).toHaveLength(2);
  });

  it("takes the place of what earlier versions recorded, and leaves what is not theirs", async () => {
    write("a", "content");
    const old = ["stat-cache/0/tree", "stat-cache/1/tree", "stat-cache/1/tree/part"];
    const others = ["layers/of", "stat-cache/3/tree", "stat-cache/10/tree/part", "stat-cache/other"];
    for (const key of [...old, ...others]) await metadata.set(key, new Uint8Array([1]));
    await readUntilKnown();
    const left = await metadata.keys("");
    expect(left.filter((key) => !key.startsWith("stat-cache/2/"))).toEqual([...others].sort());
    expect(left.length).toBeGreaterThan(others.length);
  });

  it("is not listed by a build that finds all as it was", async () => {
    write("a", "content");
    await readUntilKnown();
    const keys = vi.spyOn(metadata, "keys");
    await read();
    expect(keys).not.toHaveBeenCalled();
  });

  it("is never half of two builds that end at the same time", async () => {
    for (let i = 0; i < 50; i++) write(`f${i}`, `${i}`);
    await readUntilKnown();
    const expected = (await read({ statCache: undefined })).digest;
    for (let round = 0; round < 5; round++) {
      write(`new${round}`, `${round}`);
      rmSync(join(home, `f${round}`));
      const [a, b] = await Promise.all([read(), read({ filter: (path) => path !== "f20" })]);
      expect(a.digest).toBe((await read({ statCache: undefined })).digest);
      expect(a.files).toBe(b.files + 1);
    }
    expect((await readUntilKnown()).digest).not.toBe(expected);
  });

  it("is no reason to fail where its store does, and a warning says so", async () => {
    write("f", "f");
    const fails = async (): Promise<never> => {
      throw new SlipwayError("NO_SPACE", "Cannot write records: the disk is full");
    };
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    const full = { ...createMemoryMetadataStore(), get: async () => undefined, keys: async () => [], set: fails };
    await new Promise((done) => setTimeout(done, 150));
    expect(await read({ statCache: full, onWarning })).toMatchObject({ files: 1 });
    expect(await read({ statCache: { ...full, get: fails }, onWarning })).toMatchObject({ files: 1 });
    expect(warnings.at(-1)).toMatch(/^all files are read: .*the disk is full/);
  });
});

/** Gives every recorded file a digest of something else, with the checksums right. */
async function falsify(): Promise<void> {
  for (const key of await metadata.keys("stat-cache/")) {
    const part = decodePart((await metadata.get(key)) ?? new Uint8Array());
    if (part.length === 0) continue;
    const wrong = part.map((files) => ({
      ...files,
      files: files.files.map((file) => ({ ...file, sha256: "ab".repeat(32) })),
    }));
    const bytes = encodePart(wrong);
    const head = key.slice(0, key.lastIndexOf("/"));
    const list = JSON.parse(new TextDecoder().decode(await metadata.get(head))) as { parts: string[]; used: number };
    await metadata.set(`${head}/${nameOfPart(bytes)}`, bytes);
    await metadata.set(head, new TextEncoder().encode(JSON.stringify({ ...list, parts: [nameOfPart(bytes)] })));
  }
}

describe("a digest that is wrong", () => {
  it("makes an error and no wrong layer, and is forgotten with that", async () => {
    write("f", "content");
    await readUntilKnown();
    await falsify();
    const make = async (): Promise<{ digest: string; unread: number }> => {
      const content = withReferences(createMemoryContentStore());
      const snapshots = createSnapshotter({ content, sources: "reference" });
      const work = await snapshots.prepare("work");
      const { unread } = await addDirectory(work, home, { xattrs: false, statCache: metadata });
      const ref = await snapshots.commit("done", "work");
      const { digest } = await createExporter({ content, snapshots }).resolve().export(ref);
      return { digest, unread };
    };
    const failure = await make().catch((error: unknown) => error);
    expect(isSlipwayError(failure, "DIGEST_MISMATCH")).toBe(true);
    expect(String(failure)).toContain(join(home, "f"));
    expect(await make()).toMatchObject({ unread: 0 });
  });

  it("is put right at once where contents are copied", async () => {
    write("f", "content");
    const { digest } = await readUntilKnown();
    await falsify();
    const snapshots = createSnapshotter({ content: createMemoryContentStore() });
    const work = await snapshots.prepare("work");
    await addDirectory(work, home, { xattrs: false, statCache: metadata });
    expect((await work.tree()).root.digest).toBe(digest);
    expect(await work.readTextFile("/f")).toBe("content");
    expect(await read()).toMatchObject({ digest, unread: 0 });
  });
});

describe("contents that are copied", () => {
  it("are read only where the store does not have them", async () => {
    write("f", "content");
    await readUntilKnown();
    const content = createMemoryContentStore();
    const copy = async (): Promise<string> => {
      const work = await createSnapshotter({ content }).prepare("work");
      await addDirectory(work, home, { xattrs: false, statCache: metadata });
      return await work.readTextFile("/f");
    };
    expect(await copy()).toBe("content");
    expect(await copy()).toBe("content");
  });
});

describe("parts of records", () => {
  const files = (directory: string, count: number): RecordedFiles => {
    const names = Array.from({ length: count }, (_, i) => `f${i}`);
    const words = Int32Array.from({ length: count * STAT_WORDS }, (_, i) => i);
    return { directory, names, files: names.map((_, i) => ({ words, at: i * STAT_WORDS, sha256: "01".repeat(32) })) };
  };

  it("come back as they were", () => {
    const odd = { ...files("ä\n\u{1f600}", 3), names: ['"', "\\", "\u2028"] };
    const [first, second] = decodePart(encodePart([odd, files("", 5)]));
    expect([first?.directory, first?.names]).toEqual([odd.directory, odd.names]);
    expect([second?.directory, second?.names.length]).toEqual(["", 5]);
    const third = second?.files[2];
    expect([...(third?.words.subarray(third.at, third.at + 4) ?? [])]).toEqual([28, 29, 30, 31]);
    expect(third?.sha256).toBe("01".repeat(32));
  });

  it("are cut at the same places before and after a file that comes", () => {
    const whole = files("d", 40_000);
    const cut = (all: RecordedFiles): string[] => [...cutParts([all])].map((part) => nameOfPart(encodePart(part)));
    const before = cut(whole);
    const after = cut({
      ...whole,
      names: [...whole.names.slice(0, 100), "new", ...whole.names.slice(100)],
      files: [...whole.files.slice(0, 100), ...whole.files.slice(0, 1), ...whole.files.slice(100)],
    });
    expect(before.length).toBeGreaterThan(10);
    expect(after.filter((name) => !before.includes(name)).length).toBeLessThanOrEqual(2);
    expect([...cutParts([whole])].flat().flatMap(({ names }) => names)).toEqual(whole.names);
  });
});

describe("the records of one runtime", () => {
  const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
  for (const [name, command] of [
    ["Node", [process.execPath]],
    ["Deno", [join(modules, ".bin/deno"), "run", "-A", "--no-lock"]],
    ["Bun", [join(modules, ".bin/bun")]],
  ] as const) {
    it(`spare ${name} from reading, too`, async () => {
      const script = await bundleScript(fileURLToPath(new URL("./stat-cache-script.ts", import.meta.url)));
      for (let i = 0; i < 5; i++) write(`in/f${i}`, `${i}`);
      const [program, ...args] = command;
      const output = execFileSync(program ?? "", [...args, script, join(home, "in"), join(home, "store")], {
        env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
        encoding: "utf8",
      });
      expect(JSON.parse(output)).toEqual({ files: 5, unread: 5, sameTree: true });
      // Nothing that is not a record of the store's is left behind.
      const store = await openDirectoryStore(join(home, "store"), { create: false });
      await store.close();
      expect(readdirSync(join(home, "store")).sort()).toEqual([".slipway", "blobs", "index.json", "oci-layout"]);
    });
  }
});
