// Measures whole exports beside other tools on the same input, in turn, in the same run. Nothing is asserted here.
//   npm run bench [-- [--tree DIR] [--rounds N] [PART]…]
// PART: chain, export, memory, hash, engines, worker, registry; default all. DIR: a tree of 200 MB or more, default this project's node_modules.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { countChainExports } from "./chain.js";
import { benchEngines } from "./engines.js";
import { hashing } from "./hash.js";
import { interleave, median, run } from "./measure.js";
import { benchRegistry } from "./registry.js";
import { workerMemory } from "./worker-memory.js";

const root = resolve(import.meta.dirname, "../..");
const cli = join(root, "dist/cli/main.js");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tree: { type: "string", default: join(root, "node_modules") },
    rounds: { type: "string", default: "3" },
  },
});
const { tree } = values;
const rounds = Number(values.rounds);
const work = mkdtempSync(join(tmpdir(), "slipway-bench-"));
const MB = 1e6;

/** @param {string} name */
function has(name) {
  try {
    execFileSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * Bytes of all files; one with several names counts once.
 * @param {string} directory
 */
function sizeOf(directory) {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { dev, ino, size } = statSync(join(entry.parentPath, entry.name));
    sizes.set(`${dev}:${ino}`, size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** @param {string} shell */
const sh = (shell) => run("bash", ["-o", "pipefail", "-c", shell]);
const quoted = `'${tree.replaceAll("'", "'\\''")}'`;

async function wholeExport() {
  const size = sizeOf(tree);
  console.log(
    `\n## Whole export of ${tree.replace(`${root}/`, "")} (${(size / MB).toFixed(0)} MB), median of ${rounds}\n`,
  );
  const contestants = [
    {
      name: "slipway build (gzip 6)",
      run: async () => {
        const output = join(work, "slipway.tar");
        const result = await run("node", [
          cli,
          "build",
          tree,
          "-t",
          "bench:1",
          "--progress",
          "plain",
          "-o",
          `type=oci,dest=${output}`,
        ]);
        return { ...result, size: statSync(output).size };
      },
    },
    {
      name: "`tar \\| gzip -6`, `sha256sum` on both sides",
      run: async () => {
        const output = join(work, "layer.tar.gz");
        const result = await sh(
          `tar -C ${quoted} -cf - . | tee >(sha256sum >${work}/a) | gzip -6 | tee >(sha256sum >${work}/b) >${output}; wait`,
        );
        return { ...result, size: statSync(output).size };
      },
    },
  ];
  if (has("umoci")) {
    contestants.push({
      name: "umoci insert",
      run: async () => {
        const layout = join(work, "umoci");
        rmSync(layout, { recursive: true, force: true });
        await run("umoci", ["init", "--layout", layout]);
        await run("umoci", ["new", "--image", `${layout}:1`]);
        const result = await run("umoci", ["insert", "--image", `${layout}:1`, tree, "/"]);
        return { ...result, size: sizeOf(layout) };
      },
    });
  } else {
    console.log("umoci is not installed: left out\n");
  }
  const results = await interleave(contestants, rounds);
  const own = median(results.get("slipway build (gzip 6)")?.seconds ?? []);
  console.log("| | seconds | MB/s of input | output MB | peak memory MB | time beside slipway |");
  console.log("|---|---|---|---|---|---|");
  for (const [name, result] of results) {
    const seconds = median(result.seconds);
    console.log(
      `| ${name} | ${seconds.toFixed(2)} | ${(size / MB / seconds).toFixed(1)} | ${(result.size / MB).toFixed(1)} | ${(result.peak / MB).toFixed(0)} | ${(seconds / own).toFixed(2)} × |`,
    );
  }
}

async function memoryOfLargeFile() {
  const directory = join(work, "large");
  execFileSync("mkdir", [directory]);
  const file = await open(join(directory, "large.bin"), "w");
  // Half noise, half zeros, so that it neither vanishes nor is stored.
  const block = new Uint8Array(4 * 1024 * 1024);
  for (let i = 0; i < block.length / 2; i += 65536) crypto.getRandomValues(block.subarray(i, i + 65536));
  for (let i = 0; i < 512; i++) {
    new DataView(block.buffer).setUint32(0, i);
    await file.write(block);
  }
  await file.close();
  const idle = await run("node", ["-e", "setTimeout(() => {}, 300)"]);
  const result = await run("node", [
    cli,
    "build",
    directory,
    "-t",
    "bench:large",
    "--progress",
    "plain",
    "-o",
    `type=oci,dest=${join(work, "large.tar")}`,
  ]);
  rmSync(directory, { recursive: true });
  rmSync(join(work, "large.tar"));
  console.log("\n## Peak memory for one file of 2 GiB\n");
  console.log("| | peak memory MB |\n|---|---|");
  console.log(`| idle Node | ${(idle.peak / MB).toFixed(0)} |`);
  console.log(`| slipway build | ${(result.peak / MB).toFixed(0)} |`);
  console.log(`| above idle (goal: under 200) | ${((result.peak - idle.peak) / MB).toFixed(0)} |`);
  console.log(`\n${result.seconds.toFixed(1)} s, ${(2147.5 / result.seconds).toFixed(1)} MB/s`);
}

async function secondExport() {
  console.log("\n## A second export of a chain in which only the top ref is new\n");
  console.log("| export | files read | bytes read | layers compressed |\n|---|---|---|---|");
  for (const row of await countChainExports()) {
    console.log(`| ${row.name} | ${row.filesRead} | ${row.bytesRead} | ${row.layersCompressed} |`);
  }
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const parts = {
  chain: secondExport,
  export: wholeExport,
  memory: memoryOfLargeFile,
  hash: hashing,
  engines: benchEngines,
  worker: () => workerMemory(),
  registry: () => benchRegistry(rounds),
};

try {
  const unknown = positionals.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) throw new Error(`${unknown} is no part: choose among ${Object.keys(parts).join(", ")}`);
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}`);
  for (const [name, run] of Object.entries(parts)) {
    if (positionals.length === 0 || positionals.includes(name)) await run();
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
