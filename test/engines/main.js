// Runs a program in Node, Deno or Bun: `node main.js MODULE ARGUMENT`. What it gives is the last line on stdout, as JSON.
import process from "node:process";
import { pathToFileURL } from "node:url";

const [module = "", argument = "null"] = process.argv.slice(2);
const version = process.versions.bun ?? process.versions.deno ?? process.versions.node;
let outcome;
try {
  const { run } = await import(pathToFileURL(module).href);
  outcome = { version, value: (await run(JSON.parse(argument))) ?? null };
} catch (error) {
  outcome = { version, failure: error instanceof Error ? error.stack : String(error) };
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);
