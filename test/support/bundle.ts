import { join } from "node:path";
import { build } from "vite";
import { temporaryRoot } from "./temporary.ts";

const bundled = new Map<string, Promise<string>>();

/**
 * A script of the tests, with what it imports, as one JavaScript file: child processes run it with plain Node.
 * @param entry path of the TypeScript file
 */
export function bundleScript(entry: string): Promise<string> {
  let script = bundled.get(entry);
  if (script === undefined) {
    const outDir = temporaryRoot();
    script = build({
      configFile: false,
      logLevel: "error",
      build: { ssr: entry, outDir, target: "node20", rollupOptions: { output: { entryFileNames: "script.mjs" } } },
    }).then(() => join(outDir, "script.mjs"));
    bundled.set(entry, script);
  }
  return script;
}
