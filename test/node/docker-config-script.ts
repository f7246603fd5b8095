// Run by Deno and Bun: `docker-config-script.ts node|deno REGISTRY`. Prints what was found as one line of JSON.
import process from "node:process";
import * as deno from "../../src/deno/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import * as node from "../../src/node/index.ts";

const [edge, registry = ""] = process.argv.slice(2);
const credentials = (edge === "deno" ? deno : node).dockerCredentials();
let outcome: unknown;
try {
  outcome = { found: await credentials(registry, {}) };
} catch (error) {
  outcome = isSlipwayError(error) ? { code: error.code, message: error.message } : { thrown: String(error) };
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);
