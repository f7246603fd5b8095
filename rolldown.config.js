// Makes dist/cli, the command line as few files: loading hundreds of modules would take longer than a small build.
import { readFileSync } from "node:fs";
import { defineConfig } from "rolldown";

/** @type {{ readonly dependencies: Readonly<Record<string, string>> }} */
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

export default defineConfig({
  cwd: import.meta.dirname,
  input: {
    main: "src/cli/main.ts",
    // Beside the module that starts threads, which looks for their program there.
    "compress-worker": "src/node/compress-pool/compress-worker.js",
  },
  platform: "node",
  external: Object.keys(dependencies),
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
