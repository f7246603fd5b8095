import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { type TarInput, writeTar } from "../../src/tar/index.ts";
import { temporaryRoot } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";
import { asOnDisk, filesOnDisk, timeOf } from "./support/on-disk.ts";
import { collect, type ReadEntry, readAllEntries } from "./support/raw.ts";
import {
  byteSamples,
  deviceSamples,
  longSamples,
  oldSamples,
  paxSamples,
  plainSamples,
  ustarSamples,
  xattrSamples,
} from "./support/samples.ts";

const scratch = temporaryRoot();
const env = { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" };
const run = (tool: string, args: readonly string[], input?: Uint8Array): Buffer =>
  execFileSync(tool, args, { env, maxBuffer: 2 ** 30, stdio: ["pipe", "pipe", "pipe"], ...(input ? { input } : {}) });

let directories = 0;
function newDirectory(): string {
  const path = join(scratch, String(directories++));
  mkdirSync(path);
  return path;
}

const everything = [
  ...plainSamples,
  ...ustarSamples,
  ...longSamples,
  ...byteSamples,
  ...oldSamples,
  ...paxSamples,
  ...deviceSamples,
  ...xattrSamples,
];

/** bsdtar misses fractions before 1970: it takes -1.75 for -0.25, and writes -2.25. GNU tar and Go are right. */
const forBsdtar = everything.filter(({ header }) => header.name !== "fraction before");

/** Unpacks a tar of ours with a tool. */
async function unpack(tool: string, entries: readonly TarInput[]): Promise<string> {
  const directory = newDirectory();
  const options = tool === "tar" ? ["--xattrs", "--xattrs-include=*", "--numeric-owner"] : ["--numeric-owner"];
  run(tool, ["-x", "-p", ...options, "-C", directory, "-f", "-"], await collect(writeTar(entries)));
  return directory;
}

/** What was read, by name, in the form of what is to be expected; owners and the time of directories are left to the tools. */
function described(entries: readonly ReadEntry[]): Map<string, unknown> {
  const files = new Map<string, unknown>();
  for (const { header, content } of entries) {
    const name = header.name.replace(/^\.\//, "");
    if (name === ".") continue;
    files.set(name, {
      type: header.type,
      mode: header.mode,
      mtime: header.type === "directory" ? "" : timeOf(header),
      target: header.linkName?.replace(/^\.\//, ""),
      device: header.deviceMajor === undefined ? undefined : `${header.deviceMajor}:${header.deviceMinor}`,
      content: Buffer.from(content).toString("latin1"),
      xattrs: header.xattrs,
    });
  }
  return files;
}

function expected(entries: readonly TarInput[]): Map<string, unknown> {
  const read = entries.map(({ header, content }) => ({
    header,
    content: content instanceof Uint8Array ? content : new Uint8Array(0),
  }));
  return described(read);
}

/** Of several names of one file, a tool chooses the one that carries the content. */
function withoutCarriers(files: Map<string, unknown>, entries: readonly TarInput[]): Map<string, unknown> {
  const links = new Set(
    entries.flatMap(({ header }) => (header.type === "link" ? [header.name, header.linkName] : [])),
  );
  return new Map([...files].filter(([name]) => !links.has(name)));
}

describe("what we write", () => {
  const check = async (tool: string, entries: readonly TarInput[]): Promise<void> => {
    const onDisk = filesOnDisk(await unpack(tool, entries));
    for (const [name, file] of asOnDisk(entries)) expect([name, onDisk.get(name)]).toEqual([name, file]);
    expect(onDisk.size).toBe(entries.length);
  };

  itWith(["tar", "setfattr", "mknod"], "GNU tar unpacks as it should be", async () => {
    await check("tar", everything);
  });

  itWith(["bsdtar", "setfattr", "mknod"], "bsdtar unpacks as it should be", async () => {
    // It warns of bytes that are not UTF-8, unless the PAX header says that it has such.
    const binary = new Map([["hdrcharset", new TextEncoder().encode("BINARY")]]);
    const marked = byteSamples.map(({ header, content }) => ({ header: { ...header, pax: binary }, content }));
    await check("bsdtar", [...forBsdtar.filter((entry) => !byteSamples.includes(entry)), ...marked]);
  });

  itWith(["tar", "getfattr", "setfattr"], "has extended attributes that GNU tar and bsdtar restore", async () => {
    for (const tool of ["tar", "bsdtar"]) {
      const directory = await unpack(tool, xattrSamples);
      for (const { header } of xattrSamples) {
        const dump = run("getfattr", [
          "-d",
          "-m",
          "user",
          "-e",
          "hex",
          "--absolute-names",
          join(directory, header.name),
        ]);
        const found = dump
          .toString()
          .split("\n")
          .filter((line) => line.startsWith("user."));
        const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
        expect(found.sort()).toEqual(
          [...(header.xattrs ?? [])].map(([name, value]) => `${name}=0x${hex(value)}`).sort(),
        );
      }
    }
  });
});

describe("what a tool writes, we read", () => {
  const formats: readonly [tool: string, format: string, what: readonly TarInput[]][] = [
    ["tar", "v7", plainSamples],
    ["tar", "ustar", [...plainSamples, ...ustarSamples, ...deviceSamples, ...byteSamples]],
    [
      "tar",
      "oldgnu",
      [...plainSamples, ...ustarSamples, ...longSamples, ...deviceSamples, ...byteSamples, ...oldSamples],
    ],
    ["tar", "gnu", [...plainSamples, ...ustarSamples, ...longSamples, ...deviceSamples, ...byteSamples, ...oldSamples]],
    ["tar", "posix", everything],
    ["bsdtar", "v7", plainSamples],
    ["bsdtar", "ustar", [...plainSamples, ...ustarSamples, ...deviceSamples]],
    ["bsdtar", "gnutar", [...plainSamples, ...ustarSamples, ...longSamples, ...deviceSamples]],
    ["bsdtar", "pax", forBsdtar],
  ];

  for (const [tool, format, entries] of formats) {
    itWith([tool, "setfattr", "mknod"], `${tool} in the format ${format}`, async () => {
      const directory = await unpack("tar", entries);
      const options = tool === "tar" && format === "posix" ? ["--xattrs", "--xattrs-include=*"] : [];
      const tar = run(tool, ["-c", `--format=${format}`, ...options, "-C", directory, "-f", "-", "."]);
      const read = await readAllEntries(tar);
      const files = described(read);
      expect(withoutCarriers(files, entries)).toEqual(withoutCarriers(expected(entries), entries));
      for (const { header } of entries.filter((entry) => entry.header.type === "link")) {
        const pair = [header.name, header.linkName ?? ""].map((name) => files.get(name));
        expect(pair).toContainEqual(expect.objectContaining({ type: "link" }));
        expect(pair).toContainEqual(expect.objectContaining({ type: "file" }));
      }
    });
  }
});

describe("a sparse file", () => {
  /** Data at the beginning, in the middle and at the end, or a hole there. */
  function sparseFiles(): { directory: string; contents: Map<string, Buffer> } {
    const directory = newDirectory();
    const contents = new Map<string, Buffer>();
    const make = (name: string, size: number, parts: readonly (readonly [number, number])[]): void => {
      const path = join(directory, name);
      writeFileSync(path, "");
      truncateSync(path, size);
      const whole = Buffer.alloc(size);
      for (const [offset, length] of parts) {
        whole.fill(name.charCodeAt(0), offset, offset + length);
        writeFileSync(path, "", { flag: "r+" });
        run(
          "dd",
          [`of=${path}`, "conv=notrunc", "oflag=seek_bytes", `seek=${offset}`],
          whole.subarray(offset, offset + length),
        );
      }
      contents.set(name, whole);
    };
    make("holes at both ends", 3_000_000, [[1_000_000, 5000]]);
    make("data at both ends", 2_000_001, [
      [0, 4096],
      [1_999_000, 1001],
    ]);
    make("nothing", 1_000_000, []);
    make(
      "many parts",
      8_000_000,
      Array.from({ length: 40 }, (_, i) => [i * 200_000 + 5, 3000] as const),
    );
    make("small", 10, [[5, 5]]);
    return { directory, contents };
  }

  const writers: readonly [tool: string, ...options: string[]][] = [
    ["tar", "-S", "--format=gnu"],
    ["tar", "-S", "--format=oldgnu"],
    ["tar", "-S", "--format=posix", "--sparse-version=0.0"],
    ["tar", "-S", "--format=posix", "--sparse-version=0.1"],
    ["tar", "-S", "--format=posix", "--sparse-version=1.0"],
    ["bsdtar", "--format=pax"],
    ["bsdtar", "--format=gnutar"],
  ];
  for (const [tool, ...options] of writers) {
    itWith([tool, "dd"], `of ${tool} ${options.join(" ")} comes expanded`, async () => {
      const { directory, contents } = sparseFiles();
      const tar = run(tool, ["-c", ...options, "-C", directory, "-f", "-", "."]);
      // GNU tar finds the holes by itself: what it wrote is far smaller than what it stands for.
      if (tool === "tar") expect(tar.byteLength).toBeLessThan(1_000_000);
      const read = new Map(
        (await readAllEntries(tar)).map(({ header, content }) => [header.name.slice(2), { header, content }]),
      );
      for (const [name, content] of contents) {
        expect(read.get(name)?.header).toMatchObject({ type: "file", size: content.byteLength });
        expect(Buffer.compare(read.get(name)?.content ?? new Uint8Array(0), content)).toBe(0);
      }
    });
  }
});
