import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { temporaryRoot } from "./temporary.ts";

const bundled = new Map<string, Promise<string>>();

/**
 * A script of the tests, with what it imports, as one JavaScript file: child processes run it with plain Node.
 * @param entry path of the TypeScript file
 */
export function bundleScript(entry: string): Promise<string> {
  return bundle(entry, async (outDir) => {
    await build({
      configFile: false,
      logLevel: "error",
      // The script lies where none of the project's packages would be found.
      ssr: { noExternal: true },
      build: { ssr: entry, outDir, target: "node20", rollupOptions: { output: { entryFileNames: "script.mjs" } } },
    });
    return join(outDir, "script.mjs");
  });
}

/**
 * A module of the tests, with what it imports, as the text of one JavaScript module for pages and Workers.
 * @param entry path of the TypeScript file
 */
export function bundleModule(entry: string): Promise<string> {
  return bundle(entry, async (outDir) => {
    await build({
      configFile: false,
      logLevel: "error",
      build: {
        lib: { entry, formats: ["es"], fileName: () => "module.js" },
        outDir,
        target: "es2022",
        minify: false,
        rollupOptions: { external: /^(?:node|cloudflare):/, output: { codeSplitting: false } },
      },
    });
    return readFileSync(join(outDir, "module.js"), "utf8");
  });
}

function bundle(entry: string, make: (outDir: string) => Promise<string>): Promise<string> {
  let result = bundled.get(entry);
  if (result === undefined) {
    result = make(temporaryRoot());
    bundled.set(entry, result);
  }
  return result;
}
