// Deflates inputs of all kinds at all levels, and has zlib and a strict reader look at what comes.
//   node test/compress/fuzz/main.js [--minutes N] [--seed S] [--level L]… [--most BYTES]
// The rest is TypeScript, which not every Node reads by itself.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
/** @type {{ module: typeof import("./main.ts") }} */
const { module } = await runnerImport(main, { configFile: false, logLevel: "error" });
process.exitCode = await module.main(process.argv.slice(2));
