import type { Command } from "commander";
import { copy } from "../../transfer/index.ts";
import { addProgressFlags, INSECURE, STORE_OF_NAMES } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { defaultStore } from "../host-paths.ts";
import { parseImageArgument, parseRegistryArgument } from "../image-argument.ts";
import { withSource } from "../open-source.ts";
import { withTarget } from "../open-target.ts";
import { type PlatformFlags, platformChoice, sourceFor } from "../platform-choice.ts";
import { type ProgressFlags, progressMode, withDisplay } from "../progress/mode.ts";
import { withUploads } from "../registry-client.ts";
import { createStyle, wantsColours } from "../style.ts";
import { copyLines, summaryText } from "../transfer-summary.ts";

interface CopyFlags extends PlatformFlags, ProgressFlags {
  readonly insecure?: boolean;
  readonly store?: string;
}

/** `slipway copy FROM TO` */
export function addCopyCommand(program: Command, context: CliContext): void {
  addProgressFlags(
    program
      .command("copy")
      .description("Copy an image from one place to another: only what is missing there.")
      .argument("<from>", "a name in the store or at a registry, docker://NAME, oci:DIR[:TAG], …")
      .argument("<to>", "a name at a registry, oci:DIR[:TAG], oci-archive:FILE[:TAG], …")
      .option("--platform <os/arch>", "copy just the manifest for one platform")
      .option("--all-platforms", "copy all of an image for several platforms (default)")
      .option("--insecure", INSECURE)
      .option("--store <dir>", STORE_OF_NAMES),
  )
    .addHelpText(
      "after",
      `
Layers are not repacked: digests stay as they are. Into the store it is
slipway pull that copies.

Examples:
  slipway copy docker://debian:stable-slim localhost:5000/debian:stable-slim
  slipway copy host.example/web:1 oci:layout:1
  slipway copy oci-archive:web.tar docker://host.example/web:1
  slipway copy web:1 docker-archive:web.tar --platform linux/arm64`,
    )
    .action((from: string, to: string, flags: CopyFlags) => copyCommand(from, to, flags, context));
}

async function copyCommand(from: string, to: string, flags: CopyFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const [source, target] = [parseImageArgument(from), parseImageArgument(to)];
  // A name that is none is told before anything is read.
  if (target.kind === "name") parseRegistryArgument(target.name);
  const mode = progressMode(flags, context);
  const choice = platformChoice(flags, "all");
  const store = flags.store ?? defaultStore(env);
  const copied = await withDisplay(mode, `Copying ${from} to ${to}`, context, ({ onProgress, warn, note }) =>
    withUploads({ insecure: flags.insecure, store, warn }, (registry) =>
      withSource(source, { store, registry, note }, async (found) => {
        const image = sourceFor(found, choice);
        const { names } = await image.resolve({ signal, onProgress });
        return await withTarget(target, { registry, sourceNames: names, signal }, (place) =>
          copy(image, place, { signal, onProgress }),
        );
      }),
    ),
  );
  if (flags.quiet) {
    await stdout.write(`${copied.descriptor.digest}\n`);
    return;
  }
  if (mode !== "rawjson") stderr.write("\n");
  await stdout.write(summaryText(copyLines(copied), createStyle(wantsColours(stdout, env))));
}
