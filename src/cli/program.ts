import { Command } from "commander";
import { addBuildCommand } from "./commands/build.ts";
import { addCacheCommand } from "./commands/cache.ts";
import { addCopyCommand } from "./commands/copy.ts";
import { addDiffCommand } from "./commands/diff.ts";
import { addGcCommand } from "./commands/gc.ts";
import { addInspectCommand } from "./commands/inspect.ts";
import { addLsCommand } from "./commands/ls.ts";
import { addPullCommand } from "./commands/pull.ts";
import { addPushCommand } from "./commands/push.ts";
import { addRebaseCommand } from "./commands/rebase.ts";
import { addTagsCommand } from "./commands/tags.ts";
import type { CliContext } from "./context.ts";
import { VERSION } from "./version.ts";

/** The command line, each command in a file of its own. Parsing throws where commander would end the process. */
export function createProgram(context: CliContext): Command {
  const program = new Command("slipway")
    .description("Build container images from directories: no daemon, no root, the same bytes everywhere.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .option("--debug", "on failure, also print the stack of the error and its causes")
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are printed in one place, after everything has been cleaned up.
    .configureOutput({ outputError: () => undefined });
  addBuildCommand(program, context);
  addPushCommand(program, context);
  addPullCommand(program, context);
  addCopyCommand(program, context);
  addRebaseCommand(program, context);
  addInspectCommand(program, context);
  addDiffCommand(program, context);
  addTagsCommand(program, context);
  addLsCommand(program, context);
  addGcCommand(program, context);
  addCacheCommand(program, context);
  program.addHelpText(
    "after",
    `
Images are named docker://NAME (at a registry), oci:DIR[:TAG],
oci-archive:FILE[:TAG], docker-archive:FILE[:TAG], or just by NAME: what the
store has, or else what its registry has. The store is an OCI image layout:
--store DIR, $SLIPWAY_STORE, or slipway in the user's data directory.
Credentials are those of docker login, or else of podman login.`,
  );
  return program;
}
