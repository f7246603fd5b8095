// Makes dist/cli, the command line as few files: loading hundreds of modules would take longer than a small build.
import { readFileSync } from "node:fs";
import { defineConfig } from "rolldown";

/** @type {{ readonly dependencies: Readonly<Record<string, string>> }} */
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/**
 * Packages of which a build may need nothing, by the classes that are taken from them. Making their tables takes longer than reading a
 * small tree, so each is loaded when the first object is made.
 * @type {Readonly<Record<string, string>>}
 */
const LOADED_WHEN_USED = { fflate: "Deflate", fzstd: "Decompress" };

/** @type {import("rolldown").Plugin} */
const loadedWhenUsed = {
  name: "loaded-when-used",
  resolveId: (id) => (Object.hasOwn(LOADED_WHEN_USED, id) ? `\0loaded-when-used:${id}` : undefined),
  load(id) {
    const [, name = ""] = /^\0loaded-when-used:(.*)$/.exec(id) ?? [];
    const taken = LOADED_WHEN_USED[name];
    if (taken === undefined) return undefined;
    return `import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      export const ${taken} = function (...args) { return new (require("${name}").${taken})(...args); };`;
  },
};

export default defineConfig({
  cwd: import.meta.dirname,
  input: {
    main: "src/cli/main.ts",
    // Beside the module that starts threads, which looks for their program there.
    "compress-worker": "src/node/compress-pool/compress-worker.js",
  },
  platform: "node",
  external: Object.keys(dependencies).filter((name) => !Object.hasOwn(LOADED_WHEN_USED, name)),
  plugins: [loadedWhenUsed],
  // A bundle with a warning is not to be published.
  onLog(level, log) {
    if (level === "warn") throw new Error(log.message);
  },
  output: {
    dir: "dist/cli",
    cleanDir: true,
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    comments: false,
  },
});
