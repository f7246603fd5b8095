// Measures SHA-256 in every engine that is on this machine: which hasher `hostHasher` takes, and how fast each one is.
//   node test/bench/hash.js [ENGINE…]     for example: Firefox WebKit
import { join, resolve } from "node:path";
import process from "node:process";
import { runnerImport } from "vite";
import { judgeSpeed, leaveOut } from "./goals.js";
import { heading, say } from "./report.js";

const root = resolve(import.meta.dirname, "../..");

/** The measured pages may compile WebAssembly, so that hash-wasm can be measured there too. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

const GOAL_ENGINES = ["Node", "Chromium"];

/** @typedef {import("./hash/measure.ts").HashSpeeds} HashSpeeds */
/** @typedef {import("./hash/measure.ts").HasherSpeed} HasherSpeed */

/** @param {import("./main.js").Bench} bench */
export async function benchHash({ rounds, quick, named }) {
  const names = quick ? ["Node"] : named ? [] : GOAL_ENGINES;
  for (const [name, speeds] of await hashing(names, rounds)) {
    if (!GOAL_ENGINES.includes(name)) continue;
    const [pure, wasm] = ["pure", "hash-wasm"].map((hasher) => speeds.hashers.find((one) => one.name === hasher));
    if (pure === undefined || wasm === undefined) {
      leaveOut("sha256", `hash-wasm, ${name}`, "not in this engine");
      continue;
    }
    const figure = (/** @type {HasherSpeed} */ { large }) => `${large.toFixed(0)} MB/s`;
    judgeSpeed({
      id: "sha256",
      input: `${name}, 16 MiB in chunks of 64 KiB`,
      ours: { figure: figure(pure) },
      peer: { name: "hash-wasm", figure: figure(wasm) },
      times: pure.large / wasm.large,
      atLeast: 1,
    });
  }
}

/**
 * Prints a table, a row for each engine.
 * @param {readonly string[]} [names] which engines, default all
 * @param {number} [rounds]
 * @returns {Promise<Map<string, HashSpeeds>>} by engine
 */
export async function hashing(names = [], rounds = 3) {
  /** @type {Map<string, HashSpeeds>} */
  const found = new Map();
  const path = join(root, "test/engines/index.ts");
  /** @type {{ module: typeof import("../engines/index.ts") }} */
  const { module } = await runnerImport(path, { root, configFile: false, logLevel: "error" });
  heading("SHA-256, MB/s in chunks of 64 KiB (chunks of 512 bytes / a fresh hasher for every 4 KiB)");
  say("| engine | used | pure | node:crypto | hash-wasm | crypto.subtle, 16 MiB at once |");
  say("|---|---|---|---|---|---|");
  for (const engine of module.engines.filter(({ name }) => names.length === 0 || names.includes(name))) {
    if (engine.missing !== undefined) {
      say(`| ${engine.name} | left out: no ${engine.missing} | | | | |`);
      continue;
    }
    const { version, value } = await engine.run(join(root, "test/bench/hash"), {
      argument: { rounds },
      policy: POLICY,
    });
    const speeds = /** @type {HashSpeeds} */ (value);
    found.set(engine.name, speeds);
    const { chosen, hashers, subtle } = speeds;
    const cells = ["pure", "node:crypto", "hash-wasm"].map((name) => cell(hashers.find((one) => one.name === name)));
    say(`| ${engine.name} ${shortVersion(version)} | ${chosen} | ${cells.join(" | ")} | ${subtle.toFixed(0)} |`);
  }
  return found;
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
