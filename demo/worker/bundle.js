import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/**
 * A Worker and what it imports as the text of one module, as a deployment has it. Needs `npm run build`.
 * @param {string} entry path of its main module
 * @returns {Promise<string>}
 */
export async function bundleWorker(entry) {
  const outDir = mkdtempSync(join(tmpdir(), "slipway-worker-"));
  // Inside of this project `slipway` is the project itself, which bundlers do not know by that name.
  const customResolver = (/** @type {string} */ id) => fileURLToPath(import.meta.resolve(id));
  try {
    await build({
      configFile: false,
      logLevel: "error",
      resolve: { alias: [{ find: /^(slipway(?:\/.*)?)$/, replacement: "$1", customResolver }] },
      build: {
        lib: { entry, formats: ["es"], fileName: () => "worker.js" },
        outDir,
        target: "es2022",
        rollupOptions: { external: /^(?:node|cloudflare):/, output: { codeSplitting: false } },
      },
    });
    return readFileSync(join(outDir, "worker.js"), "utf8");
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}
