import { Command } from "commander";
import type { CliContext } from "./context.ts";
import { VERSION } from "./version.ts";

/** Declares a command and what it does. */
type AddCommand = (program: Command, context: CliContext) => void;

/** The commands in the order of the help. Each is loaded, with all that it needs, when it is wanted. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  build: async () => (await import("./commands/build.ts")).addBuildCommand,
  push: async () => (await import("./commands/push.ts")).addPushCommand,
  pull: async () => (await import("./commands/pull.ts")).addPullCommand,
  copy: async () => (await import("./commands/copy.ts")).addCopyCommand,
  rebase: async () => (await import("./commands/rebase.ts")).addRebaseCommand,
  inspect: async () => (await import("./commands/inspect.ts")).addInspectCommand,
  diff: async () => (await import("./commands/diff.ts")).addDiffCommand,
  tags: async () => (await import("./commands/tags.ts")).addTagsCommand,
  ls: async () => (await import("./commands/ls.ts")).addLsCommand,
  gc: async () => (await import("./commands/gc.ts")).addGcCommand,
  cache: async () => (await import("./commands/cache.ts")).addCacheCommand,
};

/** The commands that a command line can be about: the one that it begins with, none for the version, or else all. */
function commandsFor(args: readonly string[]): readonly string[] {
  const [first = ""] = args[0] === "--debug" ? args.slice(1) : args;
  if (first === "-V" || first === "--version") return [];
  return Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

/**
 * The command line, each command in a file of its own. Parsing throws where commander would end the process.
 * @param args what it is to parse
 */
export async function createProgram(context: CliContext, args: readonly string[]): Promise<Command> {
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
  const loaded = await Promise.all(commandsFor(args).map((name) => COMMANDS[name]?.()));
  for (const add of loaded) add?.(program, context);
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
