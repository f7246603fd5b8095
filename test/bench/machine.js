// What a run was made on: figures mean nothing without it.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, totalmem } from "node:os";

/**
 * Whether a program is on the PATH.
 * @param {string} name
 */
export function has(name) {
  try {
    execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export const isRoot = process.getuid?.() === 0;

/** Programs, and the argument that makes them tell their version. */
const PROGRAMS = [
  ["gzip", "--version"],
  ["pigz", "--version"],
  ["libdeflate-gzip", "-V"],
  ["tar", "--version"],
  ["sha256sum", "--version"],
  ["umoci", "--version"],
  ["buildah", "--version"],
  ["dockerd", "--version"],
];

const PACKAGES = ["fflate", "pako", "hash-wasm"];

/** Lines of Markdown: processor, cores, memory, Node, and the versions of all peers that are there. */
export function describeMachine() {
  const { length } = cpus();
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = (totalmem() / 1e9).toFixed(0);
  const peers = [
    ...PROGRAMS.filter(([name = ""]) => has(name)).map(([name = "", flag = ""]) => `${name} ${versionOf(name, flag)}`),
    ...PACKAGES.flatMap((name) => {
      const version = packageVersion(name);
      return version === undefined ? [] : [`${name} ${version}`];
    }),
  ];
  const absent = [
    ...PROGRAMS.map(([name = ""]) => name).filter((name) => !has(name)),
    ...PACKAGES.filter((name) => packageVersion(name) === undefined),
  ];
  const lines = [
    `${length} × ${processor}, ${memory} GB, ${process.platform} ${process.arch}; Node ${process.version}, zlib ${process.versions.zlib}.`,
    `Peers: ${peers.join(", ")}.`,
  ];
  if (absent.length > 0) lines.push(`Not installed, so left out: ${absent.join(", ")}.`);
  const [load = 0] = loadavg();
  if (load > 0.5) lines.push(`Others worked on this machine too: its load was ${load.toFixed(1)} at the start.`);
  return lines;
}

/**
 * The first number in what a program says of itself.
 * @param {string} name
 * @param {string} flag
 */
function versionOf(name, flag) {
  const { stdout, stderr } = spawnSync(name, [flag], { encoding: "utf8" });
  return /\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? "of unknown version";
}

const require = createRequire(import.meta.url);

/** @param {string} name */
export function packageVersion(name) {
  try {
    // Not each package lets its package.json be asked for.
    const [, directory = ""] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(require.resolve(name)) ?? [];
    return JSON.parse(readFileSync(`${directory}/package.json`, "utf8")).version;
  } catch {
    return undefined;
  }
}

/**
 * A package that need not be there.
 * @param {string} name
 */
export function optionalPackage(name) {
  return packageVersion(name) === undefined ? undefined : require(name);
}
