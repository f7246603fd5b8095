import { toReadableStream } from "../../src/bytes.ts";
import type { ProgressListener } from "../../src/progress.ts";
import type { FileContent, Ref, Snapshotter, WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { type ChunkSize, generatedBytes, generatedSource } from "./generated.ts";

/** What is varied; everything but the sizes must leave the bytes of the image as they are. */
export interface FixtureOptions {
  /** Bytes of the files in `/sizes`. */
  readonly sizes: readonly number[];
  /** Bytes of the one large file, which is always streamed. */
  readonly large: number;
  /** How many files are in `/dist`, of 10 KB each on average. Default none. */
  readonly many?: number | undefined;
  /** Bytes of the chunks that files' sources come in. Default: sources of every form, each with the chunks that the engine makes. */
  readonly chunk?: ChunkSize | undefined;
  /** Begins the names of the snapshots, so that one set of stores can have the fixture several times. */
  readonly prefix?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of the sized files and of the large one. */
  readonly onProgress?: ProgressListener | undefined;
}

/** The sizes at which something in tar, gzip or the stores could change. */
export const ALL_SIZES: readonly number[] = [0, 1, 511, 512, 513, 65_535, 65_536, 65_537, 1024 * 1024 + 3];

/** Files of which the compressed layer has several blocks, cut between them. */
export const MANY = 300;

/** Enough to have a last block of every kind. */
export const SMALL_SIZES: readonly number[] = [0, 1, 511, 512, 513, 65_537];

/** Three refs on top of each other and one that adds nothing, and another one on the second, for another platform. */
export interface FixtureRefs {
  readonly chain: readonly [base: Ref, changed: Ref, top: Ref, unchanged: Ref];
  readonly sibling: Ref;
}

/** Makes all snapshots of the fixture. It needs nothing of the host but what every engine has. */
export async function makeFixture(snapshots: Snapshotter, options: FixtureOptions): Promise<FixtureRefs> {
  const { prefix = "fixture" } = options;
  const commit = async (name: string, parent: Ref | undefined, edit: Edit): Promise<Ref> => {
    const work = await snapshots.prepare(`${prefix} ${name} (work)`, parent?.key);
    await edit(work, options);
    return await snapshots.commit(`${prefix} ${name}`, work.key);
  };
  const base = await commit("base", undefined, makeBase);
  const changed = await commit("changed", base, change);
  const top = await commit("top", changed, changeAgain);
  const unchanged = await commit("unchanged", top, async (work) => work.chmod("/bin/tool", 0o4755));
  const sibling = await commit("sibling", changed, async (work) => {
    await work.writeFile("/bin/tool", "for another processor\n");
    await work.remove("/sizes", { recursive: true });
  });
  return { chain: [base, changed, top, unchanged], sibling };
}

type Edit = (work: WritableSnapshot, options: FixtureOptions) => Promise<void>;

/** `security.capability` with `cap_net_bind_service=ep`. */
const CAPABILITY = Uint8Array.of(1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

/** Times in seconds: before 1970, and on both sides of 31, 32 and 33 bits, which is as far as a plain tar header goes. */
const TIMES = [-2_208_988_800, -1, 0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33 - 1, 2 ** 33, 253_402_300_799];

/**
 * Names that are in somebody's way: long ones, ones that sort around `/` or differently as UTF-16 and as UTF-8, ones that look
 * like something else, a byte order mark, bytes that are not UTF-8 (as lone surrogates), two that only normalisation makes equal.
 */
const NAMES = [
  "a-b",
  "a.b",
  "a b",
  "a0",
  "A",
  "-rf",
  "new\nline",
  "tab\tbed",
  " ",
  "...",
  "*",
  "%2e%2e",
  "C:\\windows",
  "10",
  "9",
  "__proto__",
  "constructor",
  "ünï",
  "u\u0308ni\u0308",
  "\u{1f433}",
  "\u{10ffff}",
  "\uffff",
  "\ue000",
  "\ufeffbom",
  "\udcff\udc80",
  "\u202egnp.exe",
  "İstanbul",
  "x".repeat(100),
  "y".repeat(101),
  "z".repeat(255),
  `${"é".repeat(127)}!`,
];

const LONG_DIRECTORY = `/names/${Array.from({ length: 12 }, (_, i) => `directory-${i}-`.padEnd(40, "d")).join("/")}`;

async function makeBase(work: WritableSnapshot, options: FixtureOptions): Promise<void> {
  const { sizes, large, many = 0, signal, onProgress } = options;
  const file = contents(options);
  await work.mkdir("/bin");
  await work.writeFile("/bin/tool", file("#!/bin/sh\nexec true\n"), { mode: 0o4755 });
  await work.writeFile("/bin/group", file("setgid"), { mode: 0o2755, gid: 12 });
  await work.writeFile("/bin/nobody", file("none may"), { mode: 0, uid: 65_534, gid: 65_534 });
  await work.writeFile("/bin/all", file("all bits"), { mode: 0o7777 });
  await work.mkdir("/tmp", { mode: 0o1777 });
  await work.mkdir("/closed", { mode: 0 });
  await work.mkdir("/shared", { mode: 0o2750, uid: 1000, gid: 1000, mtime: 1_600_000_000 });
  for (const id of [2_097_151, 2_097_152, 4_294_967_294]) {
    await work.writeFile(`/owners/${id}`, file(`${id}`), { uid: id, gid: id });
  }
  for (const time of TIMES) await work.writeFile(`/times/${time}`, file("tick"), { mtime: time });

  await work.mkdir("/special");
  await work.mknod("/special/null", "char", { mode: 0o666, major: 1, minor: 3 });
  await work.mknod("/special/disk", "block", { mode: 0o660, gid: 6, major: 4095, minor: 1_048_575 });
  await work.mknod("/special/changed", "char", { major: 1, minor: 5 });
  await work.mknod("/special/fifo", "fifo", { mode: 0o600 });
  await work.mknod("/special/socket", "socket");

  await work.mkdir("/symlinks");
  await work.symlink("../bin/tool", "/symlinks/relative");
  await work.symlink("/bin/tool", "/symlinks/absolute", { uid: 5, mtime: 7 });
  await work.symlink("nowhere/at/all", "/symlinks/dangling");
  await work.symlink("self", "/symlinks/self");
  await work.symlink("/shared/", "/symlinks/directory");
  await work.symlink("\ufeffbom", "/symlinks/bom");
  await work.symlink(`${"t".repeat(99)}é`, "/symlinks/101 bytes");
  await work.symlink("up/".repeat(300), "/symlinks/long");

  await work.writeFile("/links/b/first", file("of one inode\n"), { mode: 0o640, mtime: 12 });
  await work.mkdir("/links/a");
  await work.mkdir("/links/z");
  await work.link("/links/b/first", "/links/a/second");
  await work.link("/links/b/first", "/links/z/third");
  await work.writeFile("/links/pair", file("two names"));
  await work.link("/links/pair", "/links/pair-2");
  await work.link("/symlinks/dangling", "/links/symlink");
  await work.link("/special/fifo", "/links/fifo");

  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  await work.writeFile("/xattrs/capable", file("cap"), { xattrs: { "security.capability": CAPABILITY } });
  await work.writeFile("/xattrs/user", file("user"), {
    xattrs: { "user.z": "last", "user.a": "first", "user.binary": all, "user.ünï": "naïve", "user.empty": "" },
  });
  await work.mkdir("/xattrs/directory", { xattrs: { "user.on.directory": "\ufeffbom" } });
  await work.symlink("user", "/xattrs/symlink", { xattrs: { "security.selinux": "system_u:object_r:x:s0\0" } });

  await work.mkdir("/names/a", { recursive: true });
  await work.writeFile("/names/a/b", file("below a"));
  for (const name of NAMES) await work.writeFile(`/names/${name}`, file(name.length.toString()));
  await work.writeFile(`${LONG_DIRECTORY}/${"f".repeat(50)}`, file("far down"));
  await work.writeFile(`${LONG_DIRECTORY}/ünï`, file("far down"));

  for (const [i, size] of sizes.entries()) {
    await work.writeFile(`/sizes/${size}`, file(generatedBytes(size, i)), { signal, onProgress });
  }
  for (let i = 0; i < many; i++) {
    // Sizes without any order, and a block of noise beside the text now and then.
    const size = ((i * 7919) % 20_011) + (i % 50 === 0 ? 100_000 : 0);
    await work.writeFile(`/dist/${i % 17}/${i}`, file(generatedBytes(size, 1000 + i)));
  }
  await work.writeFile("/large", generatedSource(large, 99, options.chunk), { signal, onProgress });
}

/** One change of each kind. */
async function change(work: WritableSnapshot, options: FixtureOptions): Promise<void> {
  const file = contents(options);
  await work.writeFile("/added/deep/down/file", file("new"), { mtime: 1_700_000_000 });
  await work.writeFile("/times/0", file("tock"));
  await work.utimes("/times/1", 2);
  await work.chmod("/bin/group", 0o755);
  await work.chown("/bin/nobody", 1, 2);
  await work.chmod("/shared", 0o3770);
  await work.utimes("/tmp", 5);
  await work.setxattr("/xattrs/user", "user.binary", Uint8Array.of(0, 255, 10));
  await work.removexattr("/xattrs/user", "user.empty");
  await work.removexattr("/xattrs/capable", "security.capability");

  await replace(work, "/symlinks/relative", () => work.symlink("../bin/all", "/symlinks/relative"));
  await replace(work, "/special/changed", () => work.mknod("/special/changed", "char", { major: 1, minor: 9 }));
  await replace(work, "/special/disk", () => work.mknod("/special/disk", "char", { major: 4095, minor: 1_048_575 }));
  await replace(work, "/symlinks/dangling", () => work.mkdir("/symlinks/dangling"));
  await replace(work, "/symlinks/directory", () => work.writeFile("/symlinks/directory", file("was a symlink")));
  await replace(work, "/bin/all", () => work.symlink("tool", "/bin/all"));
  await replace(work, "/names/a", () => work.writeFile("/names/a", file("was a directory")));
  await replace(work, "/names/a-b", () => work.writeFile("/names/a-b/c", file("in what was a file")));
  await replace(work, "/xattrs/directory", () => work.mkdir("/xattrs/directory"));

  await work.remove("/names/a.b");
  await work.remove("/names/\u{1f433}");
  await work.remove("/names/\udcff\udc80");
  await work.remove(LONG_DIRECTORY, { recursive: true });
  await work.remove("/owners", { recursive: true });
  await work.rename("/closed", "/opened");

  await work.link("/links/z/third", "/links/fourth");
  await work.remove("/links/pair");
  await replace(work, "/links/a/second", () => work.writeFile("/links/a/second", file("of its own now")));
}

/** Changes of what was changed, and back again. */
async function changeAgain(work: WritableSnapshot, options: FixtureOptions): Promise<void> {
  const file = contents(options);
  await work.remove("/added/deep", { recursive: true });
  await work.writeFile("/added/again", file("and again"));
  await work.writeFile("/owners/0", file("made again"));
  await replace(work, "/names/a", () => work.writeFile("/names/a/b", file("below a")));
  await replace(work, "/names/a-b", () => work.writeFile("/names/a-b", file("a file again")));
  await work.writeFile("/names/a.b", file("made again"));
  await replace(work, "/symlinks/dangling", () => work.symlink("nowhere", "/symlinks/dangling"));
  await work.rename("/opened", "/shared/opened");
  await work.chmod("/links/fourth", 0o600);
  await work.remove("/links/b", { recursive: true });
  await work.remove("/links/fifo");
  await work.writeFile("/links/pair", file("two names"));
}

async function replace(work: WritableSnapshot, path: string, make: () => Promise<void>): Promise<void> {
  await work.remove(path, { recursive: true });
  await make();
}

/**
 * What files are written from. Without a chunk size every form that a source can have takes its turn: some of them are cut by
 * the engine, each in its own way.
 */
function contents({ chunk }: FixtureOptions): (content: string | Uint8Array<ArrayBuffer>) => FileContent {
  let turn = 0;
  return (content) => {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    if (chunk !== undefined) return cut(bytes, chunk);
    switch (turn++ % 6) {
      case 0:
        return content;
      case 1:
        return new Blob([bytes]);
      case 2:
        return new Blob([bytes]).stream();
      case 3:
        return toReadableStream(bytes);
      case 4:
        return [...cut(bytes, 1000)];
      default:
        return bytes;
    }
  };
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
