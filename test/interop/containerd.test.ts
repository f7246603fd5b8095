import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chownSync, createReadStream, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { createMemoryContentStore, readBlobBytes, withReferences } from "../../src/content/index.ts";
import type { LayerOptions } from "../../src/diff/differ.ts";
import { applyLayer, compareTrees, createDiffer } from "../../src/diff/index.ts";
import { addDirectory } from "../../src/node/directory-source.ts";
import { nodeHasher } from "../../src/node/hasher.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { Tree } from "../../src/snapshots/tree.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";
import { type Containerd, startContainerd } from "./support/containerd.ts";
import { debianRootfs } from "./support/debian-rootfs.ts";
import { withoutWhiteoutTimes } from "./support/layer-tar.ts";

/** Runs a script of the shell in a directory. */
function sh(directory: string, script: string): void {
  execFileSync("bash", ["-euc", script], { cwd: directory, stdio: ["ignore", "ignore", "inherit"] });
}

let running: Promise<Containerd> | undefined;
const containerd = (): Promise<Containerd> => (running ??= startContainerd());
afterAll(async () => await (await running)?.stop());

/** What containerd's differ keeps of extended attributes. */
const asContainerd: LayerOptions = { compression: "uncompressed", xattrs: (name) => name === "security.capability" };

let made = 0;

/** Trees of a real directory, with us and with containerd. */
function bench() {
  const content = withReferences(createMemoryContentStore(), { hasher: nodeHasher });
  const snapshots = createSnapshotter({
    content,
    metadata: createMemoryMetadataStore(),
    hasher: nodeHasher,
    sources: "reference",
  });
  return {
    content,
    async ours(directory: string): Promise<{ key: string; tree: Tree }> {
      const key = `tree-${made++}`;
      const work = await snapshots.prepare(`${key}-active`);
      await addDirectory(work, directory, { preserveMtime: true, preserveOwner: true });
      const ref = await snapshots.commit(key, `${key}-active`);
      return { key, tree: await ref.tree() };
    },
    /** What we make of containerd's layer. */
    async applied(layer: Uint8Array, parent?: string): Promise<Tree> {
      const work = await snapshots.prepare(`applied-${made++}`, parent);
      await applyLayer(work, layer, { hasher: nodeHasher });
      return await work.tree();
    },
    async theirs(directory: string, parent?: string): Promise<string> {
      const name = `tree-${made++}`;
      await (await containerd()).commit(name, parent, async (mounted) => {
        sh(mounted, `find . -mindepth 1 -delete; cp -a ${JSON.stringify(directory)}/. .`);
      });
      return name;
    },
    differ: createDiffer({ content, hasher: nodeHasher }),
  };
}

/** A readable list first, so that a difference can be seen; then the bytes. */
async function expectSame(ours: Uint8Array, theirs: Buffer): Promise<void> {
  const list = (tar: Uint8Array): string =>
    execFileSync("tar", ["-tv", "--full-time", "--numeric-owner", "-f", "-"], {
      input: tar,
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, TZ: "UTC", LC_ALL: "C" },
    }).toString();
  expect(list(ours)).toBe(list(theirs));
  expect(Buffer.compare(ours, theirs)).toBe(0);
}

const TOOLS = ["root", "containerd", "ctr", "getfattr", "setfattr", "bash", "tar", "mknod"] as const;
const itAsRoot = (name: string, run: () => Promise<void>, timeout: number, tools: readonly string[] = []): void =>
  itWith([...TOOLS, ...tools], name, run, timeout);

describe("containerd's differ", () => {
  const long = (length: number): string => `${"long-".repeat(length / 5)}${"x".repeat(length % 5)}`;
  const everything = `
    umask 022
    mkdir -p a/b empty/deep 'with space' Ünïcödé/日本語 ${long(90)}/${long(90)}/${long(90)}
    echo content >a/file; : >a/empty; echo x >a/b/x; echo x >a-b; echo x >a.b; echo x >a0; echo x >A
    head -c 511 /dev/urandom >size511; head -c 512 /dev/urandom >size512; head -c 513 /dev/urandom >size513
    head -c 3000000 /dev/urandom >large
    echo '#!' >setuid; chmod 4755 setuid; echo '#!' >setgid; chmod 2755 setgid; chmod 1777 empty; chmod 0 a-b
    ln -s file a/symlink; ln -s /nowhere dangling; ln -s ${long(150)} longlink; ln -s Ünïcödé unilink; ln -s a diralias
    mkfifo -m 640 fifo; mknod -m 666 null c 1 3; mknod -m 660 disk b 259 70000
    ln a/file a/hard; ln a/file hard; ln fifo fifo2; ln null null2; ln -P dangling dangling2
    ln a/file ${long(90)}/${long(90)}/hard
    echo x >${long(90)}/${long(60)}; echo x >${long(90)}/${long(90)}/${long(90)}/file; mkdir ${long(101)}; echo x >${long(200)}
    echo x >${long(100)}; echo x >${long(99)}; echo x >'with space/new
line'; echo x >'back\\slash'; echo x >Ünïcödé/日本語/🛶
    echo x >big-owner; chown 3000000000:2097152 big-owner
    echo x >${long(90)}/${long(55)}; chown 2097152:0 ${long(90)}/${long(55)}
    echo x >owner; chown 1000:2097151 owner; chown -h 5:6 dangling
    echo x >capable; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable; ln capable able
    echo x >user-xattr; setfattr -n user.note -v lost user-xattr
    find . -exec touch -h -d @1600000000.75 {} +
    touch -d @-1 before-1970; touch -d @-86400.5 day-before; touch -d @0 epoch; touch -d @8589934591 octal-end
    touch -d @8589934592 beyond-octal; touch -d @4102444800.999 future; touch -h -d @1234567890 dangling a/b`;

  itAsRoot(
    "gives the same bytes for a tree with every type of file",
    async () => {
      const { ours, theirs, applied, differ, content } = bench();
      const directory = temporaryDirectory();
      sh(directory, everything);
      const { tree } = await ours(directory);
      const { descriptor } = await differ.compare(undefined, tree, asContainerd);
      const layer = readFileSync(await (await containerd()).diff(undefined, await theirs(directory)));
      await expectSame(await readBlobBytes(content, descriptor, { limit: 2 ** 26 }), layer);
      expect([...compareTrees(await applied(layer), tree, asContainerd)]).toEqual([]);
    },
    60_000,
  );

  itAsRoot(
    "gives the same bytes for names of every length, with and without attributes that need an extended header",
    async () => {
      const { ours, theirs, differ, content } = bench();
      const directory = temporaryDirectory();
      for (const length of [1, 46, 54, 98, 99, 100, 101, 153, 154, 155, 156, 200]) {
        for (const folder of [
          "d".repeat(length),
          `${"d".repeat(Math.ceil(length / 2))}/${"é".repeat(length / 4 + 1)}${length}`,
        ]) {
          mkdirSync(join(directory, folder), { recursive: true });
          for (const name of [1, 44, 45, 53, 54, 97, 98, 99, 100, 101, 200, 255]) {
            writeFileSync(join(directory, folder, "f".repeat(name)), "");
            if (name < 255) mkdirSync(join(directory, folder, "D".repeat(name)));
            if (name < 128) writeFileSync(join(directory, folder, `ü${"g".repeat(name)}`), "");
            if (name < 255) symlinkSync("t".repeat(name), join(directory, folder, "l".repeat(name)));
            writeFileSync(join(directory, folder, `${"u".repeat(name - 1)}U`), "");
            chownSync(join(directory, folder, `${"u".repeat(name - 1)}U`), 2097152, 0);
          }
        }
      }
      sh(directory, "find . -exec touch -h -d @1600000000 {} +");
      const { descriptor } = await differ.compare(undefined, (await ours(directory)).tree, asContainerd);
      const file = await (await containerd()).diff(undefined, await theirs(directory));
      await expectSame(await readBlobBytes(content, descriptor, { limit: 2 ** 26 }), readFileSync(file));
    },
    60_000,
  );

  const changes: Readonly<Record<string, readonly [string, string]>> = {
    "nothing that changed": ["mkdir d; echo x >d/f", "true"],
    additions: [
      "mkdir -p d/e; echo x >d/f; echo x >z",
      "echo y >d/e/new; mkdir d/g; echo y >new; ln -s x d/link; mkfifo fifo",
    ],
    "contents, of the same size and time too": [
      "mkdir d; for f in d/f d/g d/h i; do echo one >$f; done; touch -d @1000 d/g",
      "echo longer >d/f; echo two >d/g; touch -d @1000 d/g; : >i",
    ],
    removals: [
      "mkdir -p d/e/f dd gone; for f in d/1 d/2 d/3 d/e/x d/e/f/y dd/1 dd/2 dd/3 gone/x mt rm z; do echo x >$f; done",
      "rm d/2 dd/2 rm; rm -r d/e gone; echo y >mt; echo y >dd/1; echo y >dd/3",
    ],
    "long and foreign names that are removed": [
      `mkdir -p Ünï ${long(120)}/${long(90)}; echo x >Ünï/cödé; echo x >${long(120)}/${long(90)}/${long(99)}; echo x >${long(97)}`,
      `rm Ünï/cödé ${long(120)}/${long(90)}/${long(99)} ${long(97)}`,
    ],
    "a directory that became a file": [
      "mkdir -p d/e; echo x >d/e/f; echo x >d-; mkdir l; echo x >l/f",
      "rm -r d l; echo y >d; ln -s d l",
    ],
    "a file that became a directory": ["echo x >d; ln -s d l", "rm d l; mkdir -p d/e l; echo y >d/e/f; echo y >l/f"],
    "a directory that was removed and made again": [
      "mkdir -p d/sub; for f in d/a d/b d/sub/c; do echo x >$f; done; chmod 700 d",
      "rm -r d; mkdir d; echo y >d/b; echo y >d/new",
    ],
    "types that changed": [
      "echo x >a; mkfifo b; ln -s x c; mknod d c 1 3",
      "rm a b c d; mkfifo a; echo x >b; mknod c b 1 3; mknod d b 1 3",
    ],
    "modes alone": ["mkdir d e; echo x >d/f; echo x >e/g", "chmod 600 d/f; chmod 1755 e"],
    "owners alone": ["mkdir d e; echo x >d/f; echo x >e/g; ln -s x e/l", "chown 5 d/f; chown :6 e; chown -h 7 e/l"],
    "times alone": [
      "mkdir d e; echo x >d/f; echo x >e/g; ln -s x e/l",
      "touch -d @1600000001 d/f; touch -h -d @5 e/l; touch -d @9 d e",
    ],
    "capabilities alone": [
      "mkdir d; echo x >d/f; echo x >d/g; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/g",
      "setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 d/f; setfattr -x security.capability d/g",
    ],
    "targets and device numbers": ["ln -s one l; mknod d c 1 3", "ln -sfn two l; rm d; mknod d c 1 5"],
    "hard links: a second name": ["mkdir b z; echo x >z/h1", "ln z/h1 b/h2; ln z/h1 z/zz"],
    "hard links: names before and after": [
      "mkdir d1 d2 d3 d4 d5 d6; for d in d1 d2 d4 d5; do echo x >$d/f1; done; ln d1/f1 d6/l1; ln d5/f1 d6/l2",
      "ln d1/f1 d2/l1; ln d4/f1 d3/l1; rm d6/l1 d6/l2",
    ],
    "hard links: parents that changed": [
      "mkdir d1 d2 d3 d4; echo x >d1/f1; echo x >d2/f1; echo x >d3/f1",
      "chmod 777 d1 d4; ln d1/f1 d2/l1; ln d3/f1 d4/l1",
    ],
    "hard links: one of them removed": ["mkdir d; echo x >d/a; ln d/a d/b; ln d/a d/c", "rm d/b"],
    "hard links: content changed by one name": ["mkdir d; echo x >d/a; ln d/a b; ln d/a e", "echo longer >b"],
    "hard links: one name broken off": ["echo x >a; ln a b; ln a c", "rm b; echo y >b"],
    "hard links: made of equal files": ["echo x >a; echo x >b; echo x >c", "rm b; ln a b; touch -d @1600000000 a"],
    "hard links: broken, but equal": ["echo x >a; ln a b", "rm b; cp -a a b"],
    "hard links: moved from group to group": ["echo x >a; ln a b; ln a c; echo y >d; ln d e", "rm c; ln d c; ln a f"],
    "hard links: several groups that wait": [
      "mkdir z; echo 0 >z/0; echo 1 >z/1; echo 2 >z/2",
      "ln z/1 a1; ln z/0 a2; echo m >m; echo 0a >z/0a",
    ],
    "hard links: of symlinks, FIFOs and devices": [
      "mkdir z; ln -s x z/l; mkfifo z/f; mknod z/d c 1 3",
      "ln -P z/l a; ln z/f b; ln z/d c",
    ],
    "a tree that is replaced": [
      "mkdir -p usr/lib; echo x >usr/lib/a; ln -s usr/lib lib",
      "rm lib; mv usr/lib lib; ln -s ../lib usr/lib",
    ],
  };

  for (const [what, [before, after]] of Object.entries(changes)) {
    itAsRoot(
      `gives the same bytes for ${what}`,
      async () => {
        const { ours, theirs, applied, differ, content } = bench();
        const directory = temporaryDirectory();
        sh(directory, `${before}\nfind . -newermt @1700000000 -exec touch -h -d @1600000000 {} +`);
        const lower = await ours(directory);
        const parent = await theirs(directory);
        sh(directory, after);
        const upper = await ours(directory);
        const { descriptor } = await differ.compare(lower.tree, upper.tree, asContainerd);
        const layer = readFileSync(await (await containerd()).diff(parent, await theirs(directory, parent)));
        await expectSame(await readBlobBytes(content, descriptor), withoutWhiteoutTimes(layer));
        expect([...compareTrees(await applied(layer, lower.key), upper.tree, asContainerd)]).toEqual([]);
      },
      60_000,
    );
  }

  itAsRoot(
    "gives the same diffID for a Debian root filesystem",
    async () => {
      const directory = debianRootfs();
      const { ours, theirs, differ } = bench();
      const { diffID } = await differ.compare(undefined, (await ours(directory)).tree, asContainerd);
      const file = await (await containerd()).diff(undefined, await theirs(directory));
      const hash = createHash("sha256");
      for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
      expect(diffID).toBe(`sha256:${hash.digest("hex")}`);
    },
    600_000,
    ["debootstrap"],
  );
});
