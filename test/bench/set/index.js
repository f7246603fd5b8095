// The inputs of all measurements, the same on each machine but for what npm and Debian give, made once and kept in `.cache/`.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { has, isRoot } from "../machine.js";
import { MB } from "../measure.js";
import { progress } from "../report.js";
import { sampleTar } from "./sample-tar.js";
import { linkTree, makeIncompressible, makeMixed, makeNodeModules, makeRootfs, makeSmallFiles } from "./trees.js";

const root = resolve(import.meta.dirname, "../../..");

/** Raised when an input is made in another way. */
const VERSION = 1;

/** @typedef {"node_modules" | "rootfs" | "incompressible" | "small files" | "10,000 files"} TreeName */

/**
 * How large the inputs are: files by number, else bytes.
 * @typedef {{ readonly nodeModules: number, readonly rootfs: boolean, readonly incompressible: number, readonly smallFiles: number, readonly mixed: number, readonly sample: number }} Sizes
 */

/** @type {Sizes} */
const FULL = {
  nodeModules: Number.POSITIVE_INFINITY,
  rootfs: true,
  incompressible: 256 * MB,
  smallFiles: 50_000,
  mixed: 10_000,
  sample: 40 * MB,
};

/** @type {Sizes} */
const QUICK = {
  nodeModules: 4 * MB,
  rootfs: false,
  incompressible: 4 * MB,
  smallFiles: 500,
  mixed: 400,
  sample: 2 * MB,
};

/**
 * @typedef {object} Input
 * @property {string} path
 * @property {number} bytes of all contents
 * @property {number} files
 * @property {string} label name and size
 */

/** Makes inputs when they are asked for. */
export class BenchSet {
  #directory;
  #sizes;
  #cli;

  /** @param {{ quick: boolean, cli: string }} options */
  constructor({ quick, cli }) {
    this.#sizes = quick ? QUICK : FULL;
    this.#directory = join(root, `.cache/slipway-bench-${VERSION}${quick ? "-quick" : ""}`);
    this.#cli = cli;
  }

  /**
   * Why a tree is not there, if it is not.
   * @param {TreeName} name
   */
  missing(name) {
    if (name !== "rootfs" || existsSync(join(this.#directory, "rootfs"))) return undefined;
    if (!this.#sizes.rootfs) return "not in a quick run";
    if (!isRoot) return "debootstrap needs root";
    return has("debootstrap") ? undefined : "debootstrap is not installed";
  }

  /**
   * @param {TreeName} name
   * @returns {Input}
   */
  tree(name) {
    mkdirSync(this.#directory, { recursive: true });
    const sizes = this.#sizes;
    const path = this.#made(name, (directory) => {
      if (name === "node_modules") makeNodeModules(directory, sizes.nodeModules);
      else if (name === "rootfs") makeRootfs(directory);
      else if (name === "incompressible") makeIncompressible(directory, sizes.incompressible);
      else if (name === "small files") makeSmallFiles(directory, sizes.smallFiles);
      else makeMixed(directory, sizes.mixed, this.tree("node_modules").path, this.tree("small files").path);
    });
    return inputOf(name === "10,000 files" ? "node_modules and small files" : name, path);
  }

  /**
   * A file for what works on bytes: a part of the tar of the tree's layer, or of the incompressible file itself.
   * @param {TreeName} name
   * @returns {Input}
   */
  sample(name) {
    const { sample } = this.#sizes;
    const path = this.#made(`${name}.sample`, (file) => {
      if (name === "incompressible") {
        copyFileSync(join(this.tree(name).path, "incompressible.bin"), file);
        truncateSync(file, Math.min(sample, statSync(file).size));
        return;
      }
      const layout = `${file}-layout`;
      try {
        const output = `type=oci,tar=false,compression=uncompressed,dest=${layout}`;
        const args = [
          this.#cli,
          "build",
          this.tree(name).path,
          "-t",
          "bench",
          "--progress",
          "plain",
          "--no-cache",
          "-o",
          output,
        ];
        execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
        sampleTar(largestBlob(layout), file, sample);
      } finally {
        rmSync(layout, { recursive: true, force: true });
      }
    });
    const bytes = statSync(path).size;
    const what = name === "incompressible" ? name : `tar of ${name}`;
    return { path, bytes, files: 1, label: `${what}, ${(bytes / MB).toFixed(0)} MB` };
  }

  /**
   * The same tree once more, of hard links, so that it may be changed.
   * @param {TreeName} name
   */
  linkedCopy(name) {
    const directory = mkdtempSync(join(this.#directory, "copy-"));
    const path = join(directory, "tree");
    linkTree(this.tree(name).path, path);
    return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
  }

  /** @param {TreeName} name */
  readSample(name) {
    const { path, label } = this.sample(name);
    return { bytes: new Uint8Array(readFileSync(path)), path, label };
  }

  /**
   * Made whole or not at all.
   * @param {string} name
   * @param {(path: string) => void} make
   */
  #made(name, make) {
    const path = join(this.#directory, name.replaceAll(" ", "-"));
    if (existsSync(path)) return path;
    progress(`making ${name}, once`);
    mkdirSync(this.#directory, { recursive: true });
    const making = mkdtempSync(join(this.#directory, "making-"));
    try {
      make(join(making, "it"));
      renameSync(join(making, "it"), path);
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!existsSync(path)) throw error;
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
    return path;
  }
}

/** @param {string} layout */
function largestBlob(layout) {
  const blobs = join(layout, "blobs/sha256");
  const [largest = ""] = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  return largest;
}

/**
 * A tree with what is in it; a file with several names counts once in bytes.
 * @param {string} name
 * @param {string} path
 * @returns {Input}
 */
export function inputOf(name, path) {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  let files = 0;
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { dev, ino, size } = statSync(join(entry.parentPath, entry.name));
    sizes.set(`${dev}:${ino}`, size);
    files++;
  }
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return { path, bytes, files, label: `${name}, ${files.toLocaleString("en")} files, ${(bytes / MB).toFixed(0)} MB` };
}
