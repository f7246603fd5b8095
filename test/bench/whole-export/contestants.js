// Tools that make an image, or at least a layer, of a directory on disk. Each is given a fresh folder for its output; only what a
// user would wait for is timed.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { has, isRoot } from "../machine.js";
import { run } from "../measure.js";

/** @typedef {import("../measure.js").Contestant & { readonly missing?: string | undefined, close?(): Promise<void> }} Tool */

/** @param {string} text */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Bytes of all files in a directory.
 * @param {string} directory
 */
export function bytesIn(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** @param {string} directory */
function fresh(directory) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * The command line, into a layout directory, without anything from earlier times.
 * @param {{ cli: string, tree: string, work: string, name: string, level?: number, jobs?: number, nodeArgs?: readonly string[] }} options
 * @returns {Tool}
 */
export function slipway({ cli, tree, work, name, level = 6, jobs, nodeArgs = [] }) {
  return {
    name,
    run: async () => {
      const layout = join(fresh(join(work, "slipway")), "layout");
      const output = `type=oci,tar=false,compression-level=${level},dest=${layout}`;
      const how = ["--progress", "plain", "--no-cache", ...(jobs === undefined ? [] : ["--jobs", String(jobs)])];
      const args = [...nodeArgs, cli, "build", tree, "-t", "bench:1", ...how, "-o", output];
      const result = await run(process.execPath, args);
      return { ...result, size: bytesIn(join(layout, "blobs")) };
    },
  };
}

/**
 * A layer by programs of the shell, with both of its digests.
 * @param {{ tree: string, work: string, name: string, compress: string }} options
 * @returns {Tool}
 */
export function tarPipe({ tree, work, name, compress }) {
  const [program = ""] = compress.split(" ");
  return {
    name,
    missing: [program, "tar", "sha256sum"].find((tool) => !has(tool)),
    run: async () => {
      const directory = fresh(join(work, "tar"));
      const at = (/** @type {string} */ file) => quote(join(directory, file));
      const pipe = `tar -C ${quote(tree)} -cf - . | tee >(sha256sum >${at("diffid")}) | ${compress} | tee >(sha256sum >${at("digest")}) >${at("layer")}; wait`;
      const result = await run("bash", ["-o", "pipefail", "-c", pipe]);
      return { ...result, size: statSync(join(directory, "layer")).size };
    },
  };
}

/**
 * umoci, into a layout directory. It compresses with pgzip on all cores.
 * @param {{ tree: string, work: string }} options
 * @returns {Tool}
 */
export function umoci({ tree, work }) {
  return {
    name: "umoci insert",
    missing: has("umoci") ? undefined : "umoci",
    run: async () => {
      const layout = join(fresh(join(work, "umoci")), "layout");
      execFileSync("umoci", ["init", "--layout", layout], { stdio: "ignore" });
      execFileSync("umoci", ["new", "--image", `${layout}:1`], { stdio: "ignore" });
      const result = await run("umoci", ["insert", "--image", `${layout}:1`, tree, "/"]);
      return { ...result, size: bytesIn(join(layout, "blobs")) };
    },
  };
}

/**
 * buildah from, copy and commit, into a layout directory, compressed.
 * @param {{ tree: string, work: string }} options
 * @returns {Tool}
 */
export function buildah({ tree, work }) {
  const directory = join(work, "buildah");
  const tool = ["buildah", "--root", join(directory, "root"), "--runroot", join(directory, "run")].map(quote).join(" ");
  const buildah = `${tool} --storage-driver overlay`;
  /** Its storage is mounted over itself while it is used. */
  const clear = () => {
    execFileSync("sh", ["-c", `umount ${quote(join(directory, "root/overlay"))} 2>/dev/null; true`]);
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    name: "buildah copy, commit",
    missing: !has("buildah") ? "buildah" : isRoot ? undefined : "root",
    run: async () => {
      clear();
      mkdirSync(directory, { recursive: true });
      const layout = join(directory, "layout");
      const script = [
        `c=$(${buildah} from scratch)`,
        `${buildah} copy --quiet $c ${quote(tree)} /`,
        `${buildah} commit --quiet --disable-compression=false --format oci $c oci:${quote(layout)}:1`,
      ].join(" && ");
      const result = await run("sh", ["-c", script], { env: { BUILDAH_ISOLATION: "chroot" } });
      return { ...result, size: bytesIn(join(layout, "blobs")) };
    },
    close: async () => clear(),
  };
}
