// Tells why a .gz has the size that it has: its blocks by type, and what their bits are spent on.
//   node test/compress/inspect/main.js FILE.gz…
// The rest is TypeScript, which not every Node reads by itself.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
/** @type {{ module: typeof import("./main.ts") }} */
const { module } = await runnerImport(main, { configFile: false, logLevel: "error" });
module.main(process.argv.slice(2));
