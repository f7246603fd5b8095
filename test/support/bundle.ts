import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "./bundle-text.ts";
import { temporaryRoot } from "./temporary.ts";

export { bundleModule } from "./bundle-text.ts";

const written = new Map<string, Promise<string>>();

/**
 * A script of the tests, with what it imports, as one JavaScript file, removed after the last test of the file: child processes
 * run it with plain Node.
 * @param entry path of the TypeScript file
 */
export function bundleScript(entry: string): Promise<string> {
  let path = written.get(entry);
  if (path === undefined) {
    path = writeScript(entry, join(temporaryRoot(), "script.mjs"));
    written.set(entry, path);
  }
  return path;
}

async function writeScript(entry: string, path: string): Promise<string> {
  writeFileSync(path, await bundleProgram(entry));
  return path;
}
