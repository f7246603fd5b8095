import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReopenableSource } from "../../src/bytes.ts";
import { createMemoryContentStore, withReferences } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import type { Differ } from "../../src/diff/differ.ts";
import { createDiffer } from "../../src/diff/index.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import { build } from "../../src/frontend/build.ts";
import { digestOf } from "../../src/hash/index.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";

type Edit = (work: WritableSnapshot) => Promise<unknown>;

const noise = (size: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (Math.imul(at + seed, 0x9e3779b1) >>> 13) & 0xff);

/** A source that counts how often it is read, small ones whole. */
function source(bytes: Uint8Array): ReopenableSource & { reads: number } {
  return {
    size: bytes.byteLength,
    reads: 0,
    async *open({ offset = 0, length = bytes.byteLength - offset } = {}) {
      this.reads++;
      for (let at = offset; at < offset + length; at += 100_000) {
        yield bytes.slice(at, Math.min(at + 100_000, offset + length));
      }
    },
    readWhole() {
      this.reads++;
      return bytes.slice();
    },
  };
}

/** A differ that counts what is asked of it. */
function counting(content: ContentStore, inner: Differ = createDiffer({ content })) {
  const counts = { compared: 0, written: 0 };
  const differ: Differ = {
    compare(...args) {
      counts.compared++;
      return inner.compare(...args);
    },
    async write(...args) {
      const layer = await inner.write?.(...args);
      if (layer === undefined) throw new Error("it has no write");
      counts.written++;
      return layer;
    },
  };
  return { differ, counts };
}

/** An image of what `edit` does, and how it came about. */
async function image(
  edit: Edit,
  { writeAhead = true, behind = async () => undefined as unknown, wrap = (store: ContentStore) => store } = {},
) {
  const memory = createMemoryContentStore();
  const content = withReferences(wrap(memory));
  const { differ, counts } = counting(content);
  const snapshots = createSnapshotter({ content, sources: "reference" });
  const exporter = createExporter({ content, snapshots, differ });
  const instance = exporter.resolve();
  const snapshot = await snapshots.prepare("work");
  const ahead = writeAhead ? instance.writeAhead(snapshot) : undefined;
  await edit(ahead?.work ?? snapshot);
  if (behind !== undefined) await (behind as (work: WritableSnapshot) => Promise<unknown>)(snapshot);
  const ref = await snapshots.commit("done", "work");
  await ahead?.finish(ref);
  const exported = await instance.export(ref);
  const blobs: string[] = [];
  for await (const { digest } of memory.list()) blobs.push(digest);
  const ingests: string[] = [];
  for await (const { ref: name } of memory.statuses()) ingests.push(name);
  return { digest: exported.digest, layers: exported.manifests[0]?.layers ?? [], blobs: blobs.sort(), ingests, counts };
}

/** The same without anything ahead. */
const plain = (edit: Edit) => image(edit, { writeAhead: false });

const ordinary: Edit = async (work) => {
  await work.mkdir("/a", { mode: 0o700, uid: 5, gid: 6, mtime: 7 });
  await work.writeFile("/a/empty", "");
  await work.writeFile("/a/large", source(noise(1_000_000)), { mode: 0o600, mtime: 99 });
  await work.writeFile("/a/small", source(noise(1000)), { xattrs: { "user.note": "x" } });
  await work.mkdir("/b/c", { recursive: true });
  await work.writeFile("/b/c/text", "some text\n");
  await work.link("/b/c/text", "/b/c/text-again");
  await work.symlink("../a", "/b/link");
  await work.mknod("/dev/null", "char", { major: 1, minor: 3, mode: 0o666 }).catch(() => work.mkdir("/dev"));
  await work.mknod("/dev/zero", "char", { major: 1, minor: 5, mode: 0o666 });
  await work.writeFile("/é\u{1f600}", new Uint8Array([1, 2, 3]));
};

describe("a layer that is written ahead", () => {
  it("is the one that the exporter makes of the finished snapshot, without comparing", async () => {
    const inOrder: Edit = async (work) => {
      await work.mkdir("/dev");
      await work.mknod("/dev/null", "char", { major: 1, minor: 3 });
      await work.mknod("/dev/pipe", "fifo");
      await work.writeFile("/é\u{1f600}", new Uint8Array([1, 2, 3]));
    };
    const before = await plain(inOrder);
    const after = await image(inOrder);
    expect(after.counts).toEqual({ compared: 0, written: 1 });
    expect([after.digest, after.blobs, after.ingests]).toEqual([before.digest, before.blobs, []]);
    expect(after.layers.map(({ cached }) => cached)).toEqual([false]);
  });

  it("reads each file once, large ones too", async () => {
    const files = [10, 65_536, 65_537, 3_000_000].map((size) => source(noise(size, size)));
    const after = await image(async (work) => {
      for (const [at, file] of files.entries()) await work.writeFile(`/${at}`, file);
    });
    expect(after.counts).toEqual({ compared: 0, written: 1 });
    expect(files.map(({ reads }) => reads)).toEqual([1, 1, 1, 1]);
  });

  it("takes files that are read at the same time, in whatever order they come to an end", async () => {
    const edit: Edit = (work) =>
      Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          work.writeFile(`/${String(at).padStart(2, "0")}`, source(noise(at % 3 === 0 ? 700_000 : 2000 * at, at))),
        ),
      );
    const after = await image(edit);
    expect(after.counts).toEqual({ compared: 0, written: 1 });
    expect(after.digest).toBe((await plain(edit)).digest);
  });

  it("holds up who brings files when many wait for a slow store", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = (store: ContentStore): ContentStore => ({
      ...bound(store),
      writer: async (options) => {
        await held;
        return await store.writer(options);
      },
    });
    let brought = 0;
    const making = image(
      async (work) => {
        for (let at = 0; at < 400; at++) {
          await work.writeFile(`/${String(at).padStart(3, "0")}`, source(noise(50_000, at)));
          brought++;
        }
      },
      { wrap: slow },
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = brought;
    release();
    expect((await making).counts).toEqual({ compared: 0, written: 1 });
    expect(before).toBeGreaterThan(10);
    expect(before).toBeLessThan(100);
  });

  it("does not change when the array that a file was written from does", async () => {
    const bytes = noise(5000);
    const after = await image(async (work) => {
      await work.writeFile("/file", bytes);
      bytes.fill(0);
    });
    expect(after.digest).toBe((await plain((work) => work.writeFile("/file", noise(5000)))).digest);
  });

  const unforeseen: Record<string, Edit> = {
    "names that come in another order": async (work) => {
      await work.writeFile("/b", source(noise(100)));
      await work.writeFile("/a", source(noise(200)));
    },
    "a file that is written twice": async (work) => {
      await work.writeFile("/a", source(noise(100)));
      await work.writeFile("/a", source(noise(200)));
    },
    "a mode that is changed afterwards": async (work) => {
      await work.writeFile("/a", source(noise(100)));
      await work.chmod("/a", 0o755);
    },
    "a file that is moved": async (work) => {
      await work.writeFile("/a", source(noise(100)));
      await work.rename("/a", "/b");
    },
    "a file that is removed": async (work) => {
      await work.writeFile("/a", source(noise(100)));
      await work.writeFile("/b", source(noise(200)));
      await work.remove("/a");
    },
    "an owner, a time and xattrs": async (work) => {
      await work.mkdir("/a", { xattrs: { "user.a": "1", "user.b": "2" } });
      await work.chown("/a", 1, 2);
      await work.utimes("/a", 3);
      await work.setxattr("/a", "user.c", "3");
      await work.removexattr("/a", "user.a");
    },
    "a stream, of which nobody knows the size": async (work) => {
      await work.writeFile("/a", source(noise(100)));
      await work.writeFile("/b", [noise(100), noise(300)]);
    },
    "a file whose digest is known": async (work) => {
      const bytes = noise(100);
      await work.writeFile("/a", source(noise(50)));
      await work.writeFile("/b", Object.assign(source(bytes), { digest: digestOf(bytes) }));
    },
    "a link whose first name comes later": async (work) => {
      await work.writeFile("/b", source(noise(100)));
      await work.link("/b", "/a");
    },
    "a path through a symlink": async (work) => {
      await work.mkdir("/a");
      await work.symlink("a", "/b");
      await work.writeFile("/b/file", source(noise(100)));
    },
    "a path with dots": async (work) => {
      await work.mkdir("/a");
      await work.writeFile("/a/../b", source(noise(100)));
    },
    "things that fail": async (work) => {
      await work.mkdir("/a");
      await expect(work.mkdir("/a")).rejects.toThrow("exists");
      await expect(work.writeFile("/a", source(noise(10)))).rejects.toThrow("is a directory");
      await expect(work.writeFile("/b", source(noise(10)), { mode: 0o77777 })).rejects.toThrow("mode");
      await expect(work.link("/nothing", "/d")).rejects.toThrow("Cannot link /d to /nothing");
      await work.writeFile("/c", source(noise(100)));
    },
    "files of every kind, one of them at a place that is not there": ordinary,
  };

  describe("is given up without a trace, for", () => {
    for (const [what, edit] of Object.entries(unforeseen)) {
      it(what, async () => {
        const [before, after] = [await plain(edit), await image(edit)];
        expect([after.digest, after.blobs, after.ingests]).toEqual([before.digest, before.blobs, []]);
        expect(after.counts).toEqual({ compared: 1, written: 0 });
      });
    }

    it("what is done to the snapshot behind its back", async () => {
      const edit: Edit = (work) => work.writeFile("/a", source(noise(100)));
      const behind = (work: WritableSnapshot) => work.chmod("/a", 0o700);
      const after = await image(edit, { behind: behind as never });
      const before = await plain(async (work) => {
        await edit(work);
        await behind(work);
      });
      expect([after.digest, after.blobs, after.ingests]).toEqual([before.digest, before.blobs, []]);
      expect(after.counts).toEqual({ compared: 1, written: 0 });
    });

    it("a store that cannot take it", async () => {
      let calls = 0;
      const failing = (store: ContentStore): ContentStore => ({
        ...bound(store),
        writer: async (options) => {
          if (options.ref.startsWith("layer-") && calls++ === 0) throw new Error("no more");
          return await store.writer(options);
        },
      });
      const edit: Edit = (work) => work.writeFile("/a", source(noise(3_000_000)));
      const after = await image(edit, { wrap: failing });
      expect([after.digest, after.counts]).toEqual([(await plain(edit)).digest, { compared: 1, written: 0 }]);
    });
  });

  it("leaves nothing when it is abandoned in the midst of a large file, which is read to its end", async () => {
    const content = withReferences(createMemoryContentStore());
    const snapshots = createSnapshotter({ content, sources: "reference" });
    const instance = createExporter({ content, snapshots }).resolve();
    const snapshot = await snapshots.prepare("work");
    const ahead = instance.writeAhead(snapshot);
    const file = source(noise(2_000_000));
    const writing = ahead?.work.writeFile("/a", file);
    await ahead?.abandon();
    await writing;
    expect((await snapshot.lstat("/a")).node).toMatchObject({ size: 2_000_000 });
    expect([await collected(content.statuses()), await collected(content.list())]).toMatchObject([[], [{}]]);
  });

  it("changes no byte, whatever is done to the snapshot", { timeout: 60_000 }, async () => {
    const path = fc.constantFrom("/a", "/b", "/a/a", "/a/b", "/b/a", "/c/d/e", "/z");
    const bytes = fc.integer({ min: 0, max: 200_000 }).map((size) => noise(size, size));
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.tuple(path, bytes).map(
          ([to, from]): Edit =>
            (work) =>
              work.writeFile(to, source(from)),
        ),
      },
      {
        weight: 3,
        arbitrary: path.map(
          (to): Edit =>
            (work) =>
              work.mkdir(to, { recursive: true }),
        ),
      },
      path.map(
        (to): Edit =>
          (work) =>
            work.symlink("/a", to),
      ),
      fc.tuple(path, path).map(
        ([from, to]): Edit =>
          (work) =>
            work.link(from, to),
      ),
      path.map(
        (to): Edit =>
          (work) =>
            work.remove(to, { recursive: true }),
      ),
      path.map(
        (to): Edit =>
          (work) =>
            work.chmod(to, 0o700),
      ),
    );
    const edits = fc.array(step, { maxLength: 12 }).map(
      (steps): Edit =>
        async (work) => {
          for (const each of steps) await each(work).catch(() => undefined);
        },
    );
    await fc.assert(
      fc.asyncProperty(edits, async (edit) => {
        const [before, after] = [await plain(edit), await image(edit)];
        expect([after.digest, after.blobs, after.ingests]).toEqual([before.digest, before.blobs, []]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a build", () => {
  const content = () => withReferences(createMemoryContentStore());

  it("writes its layer ahead where files are taken by reference, unless it is told not to", async () => {
    for (const [writeAhead, reads] of [
      [undefined, 1],
      [false, 2],
    ] as const) {
      const store = content();
      const file = source(noise(1000));
      const snapshots = createSnapshotter({ content: store, sources: "reference" });
      const made = await build({ content: store, snapshots, files: { "/file": { content: file } }, writeAhead });
      expect(made.manifests[0]?.layers.length).toBe(1);
      expect(file.reads).toBe(reads);
    }
  });

  it("that fails leaves nothing of its layer", async () => {
    const store = content();
    const fill = async (work: WritableSnapshot): Promise<void> => {
      await work.writeFile("/a", source(noise(5_000_000)));
      throw new Error("no more files");
    };
    await expect(build({ content: store, fill })).rejects.toThrow("no more files");
    expect(await collected(store.statuses())).toEqual([]);
  });

  it("that is told to stop throws the signal's reason, and leaves nothing", async () => {
    const store = content();
    const stop = new AbortController();
    const fill = async (work: WritableSnapshot): Promise<void> => {
      await work.writeFile("/a", source(noise(5_000_000)));
      stop.abort(new Error("enough"));
    };
    await expect(build({ content: store, fill, signal: stop.signal })).rejects.toThrow("enough");
    expect(await collected(store.statuses())).toEqual([]);
  });
});

/** The store as an object whose methods can be replaced. */
function bound(store: ContentStore): ContentStore {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
    ownKeys: () => [
      "info",
      "list",
      "label",
      "delete",
      "open",
      "readWhole",
      "writer",
      "status",
      "statuses",
      "abort",
      "hasher",
    ],
    getOwnPropertyDescriptor: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      return {
        enumerable: true,
        configurable: true,
        value: typeof value === "function" && key !== "hasher" ? value.bind(target) : value,
      };
    },
  });
}

async function collected<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of all) list.push(each);
  return list;
}
