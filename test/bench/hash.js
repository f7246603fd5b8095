// Measures SHA-256 in every engine that is on this machine: which hasher `hostHasher` takes, and how fast each one is.
//   node test/bench/hash.js [ENGINE…]     for example: Firefox WebKit
import { join, resolve } from "node:path";
import process from "node:process";
import { runnerImport } from "vite";

const root = resolve(import.meta.dirname, "../..");

/** The measured pages may compile WebAssembly, so that hash-wasm can be measured there too. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** @typedef {import("./hash/measure.ts").HashSpeeds} HashSpeeds */
/** @typedef {import("./hash/measure.ts").HasherSpeed} HasherSpeed */

/**
 * Prints a table, a row for each engine.
 * @param {readonly string[]} [names] which engines, default all
 */
export async function hashing(names = []) {
  const path = join(root, "test/engines/index.ts");
  /** @type {{ module: typeof import("../engines/index.ts") }} */
  const { module } = await runnerImport(path, { root, configFile: false, logLevel: "error" });
  console.log("\n## SHA-256, MB/s in chunks of 64 KiB (chunks of 512 bytes / a fresh hasher for every 4 KiB)\n");
  console.log("| engine | used | pure | node:crypto | hash-wasm | crypto.subtle, 16 MiB at once |");
  console.log("|---|---|---|---|---|---|");
  for (const engine of module.engines.filter(({ name }) => names.length === 0 || names.includes(name))) {
    if (engine.missing !== undefined) {
      console.log(`| ${engine.name} | left out: no ${engine.missing} | | | | |`);
      continue;
    }
    const { version, value } = await engine.run(join(root, "test/bench/hash"), { policy: POLICY });
    const { chosen, hashers, subtle } = /** @type {HashSpeeds} */ (value);
    const cells = ["pure", "node:crypto", "hash-wasm"].map((name) => cell(hashers.find((one) => one.name === name)));
    console.log(
      `| ${engine.name} ${shortVersion(version)} | ${chosen} | ${cells.join(" | ")} | ${subtle.toFixed(0)} |`,
    );
  }
}

/** @param {HasherSpeed | undefined} speed */
const cell = (speed) =>
  speed === undefined ? "—" : `${speed.large.toFixed(0)} (${speed.small.toFixed(0)} / ${speed.files.toFixed(0)})`;

/**
 * The number in what an engine says of itself; workerd says none.
 * @param {string} version
 */
const shortVersion = (version) =>
  /(?:Chrome|Firefox|Version)\/([\d.]+)|^([\d.]+)$/.exec(version)?.slice(1).join("") ?? "";

if (process.argv[1] === import.meta.filename) await hashing(process.argv.slice(2));
