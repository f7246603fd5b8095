import type { Command } from "commander";
import { parseReference } from "../../oci/index.ts";
import { copy, storeTarget, type TransferredImage } from "../../transfer/index.ts";
import { withBuildStore } from "../build-store.ts";
import { addProgressFlags, INSECURE, STORE } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { defaultStore } from "../host-paths.ts";
import { type ImageArgument, parseImageArgument } from "../image-argument.ts";
import { withSource } from "../open-source.ts";
import { type PlatformFlags, platformChoice, sourceFor } from "../platform-choice.ts";
import { type ProgressFlags, progressMode, withDisplay } from "../progress/mode.ts";
import { registryClient } from "../registry-client.ts";
import { createStyle, wantsColours } from "../style.ts";
import { copyLines, summaryText } from "../transfer-summary.ts";

interface PullFlags extends PlatformFlags, ProgressFlags {
  readonly tag?: string;
  readonly insecure?: boolean;
  readonly store?: string;
}

/** `slipway pull IMAGE` */
export function addPullCommand(program: Command, context: CliContext): void {
  addProgressFlags(
    program
      .command("pull")
      .description("Pull an image from a registry into the store: only what is missing there.")
      .argument("<image>", "a name at a registry, oci:DIR[:TAG], oci-archive:FILE[:TAG], …")
      .option("-t, --tag <name>", "name it has in the store (default: its own)")
      .option("--platform <os/arch>", "which of several platforms (default: this machine's)")
      .option("--all-platforms", "all of an image for several platforms")
      .option("--insecure", INSECURE)
      .option("--store <dir>", STORE),
  )
    .addHelpText(
      "after",
      `
An interrupted pull goes on where it stopped when it is run again.

Examples:
  slipway pull debian:stable-slim
  slipway pull host.example/web:1 --platform linux/arm64 -t web:arm`,
    )
    .action((image: string, flags: PullFlags) => pull(image, flags, context));
}

async function pull(text: string, flags: PullFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const argument = fromElsewhere(parseImageArgument(text));
  if (flags.tag !== undefined) parseReference(flags.tag);
  const mode = progressMode(flags, context);
  const choice = platformChoice(flags, "this machine's");
  const store = flags.store ?? defaultStore(env);
  const registry = registryClient(flags);
  const pulled = await withDisplay(
    mode,
    `Pulling ${text}`,
    context,
    async ({ onProgress, note }): Promise<TransferredImage> =>
      await withSource(argument, { store, registry, note }, (source) =>
        // What was fetched before it failed is there for the next try.
        withBuildStore(
          store,
          (stores) => copy(sourceFor(source, choice), storeTarget(stores, flags.tag), { signal, onProgress }),
          "keep blobs",
        ),
      ),
  );
  if (flags.quiet) {
    await stdout.write(`${pulled.descriptor.digest}\n`);
    return;
  }
  if (mode !== "rawjson") stderr.write("\n");
  const lines = [...copyLines(pulled), ["store", printable(store)] as const];
  await stdout.write(summaryText(lines, createStyle(wantsColours(stdout, env))));
}

/** A plain name is one at a registry: what is in the store need not be pulled. */
function fromElsewhere(argument: ImageArgument): ImageArgument {
  if (argument.kind !== "name") return argument;
  parseReference(argument.name);
  return { kind: "registry", name: argument.name };
}
