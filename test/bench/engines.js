// Measures the library in every engine of this machine, beside the engine's own functions on the same bytes in the same run.
// Each engine does all of its work in one go and tells its own times. The clock of a Worker may stand still while it computes,
// so there each reading waits for an answer of the R2 bucket first, which takes a millisecond or two.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";
import { say } from "./report.js";

export async function benchEngines() {
  const main = fileURLToPath(new URL("engines/main.ts", import.meta.url));
  /** @type {{ module: typeof import("./engines/main.ts") }} */
  const { module } = await runnerImport(main, { configFile: false, logLevel: "error" });
  await module.benchEngines(say);
}
