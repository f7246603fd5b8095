// Trees that exports are measured on, made once.
import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { createRandom } from "./random.js";
import { textOf } from "./text.js";

const root = resolve(import.meta.dirname, "../../..");

/** Files of node_modules from this size on are left out: programs as large as browsers and runtimes, which few trees have. */
export const LARGEST_FILE = 32 * 1024 * 1024;

/**
 * All of this project's node_modules but its largest files and what tools keep in folders that begin with a dot.
 * @param {string} directory
 * @param {number} limit bytes after which no further package is taken
 */
export function makeNodeModules(directory, limit) {
  let size = 0;
  /**
   * @param {string} from
   * @param {string} to
   */
  const copy = (from, to) => {
    const stat = lstatSync(from);
    if (stat.isDirectory()) {
      mkdirSync(to, { recursive: true });
      for (const name of readdirSync(from).sort()) copy(join(from, name), join(to, name));
    } else if (stat.isSymbolicLink()) {
      symlinkSync(readlinkSync(from), to);
    } else if (stat.isFile() && stat.size < LARGEST_FILE) {
      copyFileSync(from, to);
      utimesSync(to, stat.atime, stat.mtime);
      size += stat.size;
    }
  };
  const modules = join(root, "node_modules");
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(modules).sort()) {
    if (!name.startsWith(".") && size < limit) copy(join(modules, name), join(directory, name));
  }
}

/**
 * A minimal Debian.
 * @param {string} directory
 */
export function makeRootfs(directory) {
  try {
    execFileSync("debootstrap", ["--variant=minbase", "bookworm", directory], { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    // It tells on stdout why it failed.
    const output = /** @type {{ stdout?: Buffer }} */ (error).stdout?.toString().trim().split("\n").at(-1);
    throw new Error(`debootstrap failed: ${output ?? error}`, { cause: error });
  }
}

/**
 * One file that nothing makes smaller: the stream of a cipher.
 * @param {string} directory
 * @param {number} size in bytes
 */
export function makeIncompressible(directory, size) {
  mkdirSync(directory, { recursive: true });
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));
  const zeros = Buffer.alloc(1024 * 1024);
  const file = openSync(join(directory, "incompressible.bin"), "w");
  for (let rest = size; rest > 0; rest -= zeros.byteLength) {
    writeSync(file, cipher.update(zeros.subarray(0, Math.min(rest, zeros.byteLength))));
  }
  closeSync(file);
}

/**
 * Files of text of 200 bytes to 8 KiB, a hundred in each folder.
 * @param {string} directory
 * @param {number} count
 */
export function makeSmallFiles(directory, count) {
  const random = createRandom(50_000);
  for (let i = 0; i < count; i++) {
    const folder = join(directory, `folder-${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${i}.txt`), textOf(200 + random(8192 - 200), random));
  }
}

/**
 * A tree again, of hard links.
 * @param {string} from
 * @param {string} to
 * @param {number} [count] files after which it ends
 * @returns {number} files
 */
export function linkTree(from, to, count = Number.POSITIVE_INFINITY) {
  let files = 0;
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (files >= count) break;
    if (entry.isDirectory()) {
      files += linkTree(source, target, count - files);
    } else if (entry.isFile()) {
      linkSync(source, target);
      files++;
    }
  }
  return files;
}

/**
 * A tree of exactly so many files: one tree, and of another as many files as are missing.
 * @param {string} directory
 * @param {number} count
 * @param {string} first
 * @param {string} second
 */
export function makeMixed(directory, count, first, second) {
  const files = linkTree(first, join(directory, "first"), count);
  const left = count - files - linkTree(second, join(directory, "second"), count - files);
  if (left > 0) throw new Error(`there are ${left} files too few for a tree of ${count}`);
}
