import type { Command } from "commander";
import { SlipwayError } from "../../index.ts";
import { INSECURE, noteTo, waitsTo } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { parseRegistryArgument } from "../image-argument.ts";
import { registryClient } from "../registry-client.ts";

interface TagsFlags {
  readonly json?: boolean;
  readonly insecure?: boolean;
}

/** `slipway tags REPOSITORY` */
export function addTagsCommand(program: Command, context: CliContext): void {
  program
    .command("tags")
    .description("List the tags of a repository at a registry.")
    .argument("<repository>", "HOST/NAME, or docker://NAME")
    .option("--json", "print one JSON array")
    .option("--insecure", INSECURE)
    .action((repository: string, flags: TagsFlags) => tags(repository, flags, context));
}

async function tags(text: string, flags: TagsFlags, context: CliContext): Promise<void> {
  const { stdout, signal } = context;
  const name = parseRegistryArgument(text);
  if (name.includes("@") || name.slice(name.lastIndexOf("/") + 1).includes(":")) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot list the tags of ${name}: name the repository, without tag or digest`,
    );
  }
  const onProgress = waitsTo(noteTo(context));
  const found: string[] = [];
  for await (const tag of registryClient(flags).repository(name).tags({ signal, onProgress })) {
    if (flags.json === true) found.push(tag);
    else await stdout.write(`${printable(tag)}\n`);
  }
  if (flags.json === true) await stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
}
