import type { Command } from "commander";
import { addBuildFlags, BUILD_HELP, type BuildFlags } from "../build-flags.ts";
import { planBuild } from "../build-plan.ts";
import { imageID, runBuild } from "../build-run.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { createDisplay } from "../progress/display.ts";
import { createStyle, wantsColours } from "../style.ts";
import { summarise } from "../summary.ts";

/** `slipway build DIR` */
export function addBuildCommand(program: Command, context: CliContext): void {
  addBuildFlags(
    program
      .command("build")
      .description("Build an image from the files of a directory (.dockerignore is honoured).")
      .argument("<dir>", "directory whose files become a layer"),
  )
    .addHelpText("after", BUILD_HELP)
    .action((directory: string, flags: BuildFlags) => buildCommand(directory, flags, context));
}

async function buildCommand(directory: string, flags: BuildFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const plan = planBuild(directory, flags, context);
  const title = printable(`Building ${plan.names[0] ?? directory}`);
  const display = await createDisplay(plan.progress, stderr, env, title);
  let result: Awaited<ReturnType<typeof runBuild>>;
  try {
    result = await runBuild(plan, {
      stdout,
      signal,
      onProgress: display.onProgress,
      warn: display.warn,
      note: display.note,
    });
  } finally {
    display.end();
  }
  if (flags.quiet) {
    if (plan.output.dest !== "-") await stdout.write(`${imageID(result.image)}\n`);
  } else if (plan.progress !== "rawjson") {
    stderr.write(`\n${summarise(result, plan, createStyle(wantsColours(stderr, env)))}`);
  }
}
