import process from "node:process";
import { CommanderError } from "commander";
import { describeFailure, stackOf, USAGE_STATUS } from "./failure.ts";
import { withInterrupts } from "./interrupt.ts";
import { createProgram } from "./program.ts";
import { createStdout } from "./stdout.ts";

/**
 * Runs one command line.
 * @param args without the program's own name
 * @returns the exit status: 0 only on success
 */
export async function run(args: readonly string[]): Promise<number> {
  let doing = "run";
  let debug = args.includes("--debug");
  try {
    await withInterrupts(async (signal) => {
      const context = { stdout: createStdout(), stderr: process.stderr, env: process.env, signal };
      const program = await createProgram(context, args);
      program.hook("preAction", (_, command) => {
        doing = command.name();
        debug = command.optsWithGlobals().debug === true;
      });
      await program.parseAsync([...args], { from: "user" });
    });
    return 0;
  } catch (error) {
    // Help and version were asked for and have been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // Without a command there is nothing to do: the help has been printed, and says it all.
    if (error instanceof CommanderError && error.code === "commander.help") return USAGE_STATUS;
    const { message, exitStatus } = describeFailure(error, doing);
    process.stderr.write(`slipway: ${message}\n`);
    if (debug) process.stderr.write(`${stackOf(error)}\n`);
    return exitStatus;
  }
}
