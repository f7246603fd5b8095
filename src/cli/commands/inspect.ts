import type { Command } from "commander";
import { readBlobBytes } from "../../content/index.ts";
import { SlipwayError } from "../../index.ts";
import { parsePlatform } from "../../oci/index.ts";
import { INSECURE, noteTo, STORE_OF_NAMES, waitsTo } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { defaultStore } from "../host-paths.ts";
import { parseImageArgument } from "../image-argument.ts";
import { reportImage } from "../image-report.ts";
import { imageTable } from "../image-table.ts";
import { linuxPlatform } from "../linux-platform.ts";
import { choosePlatform, openImage } from "../open-image.ts";
import { withSource } from "../open-source.ts";
import { platformChoice, sourceFor } from "../platform-choice.ts";
import { registryClient } from "../registry-client.ts";
import { createStyle, wantsColours } from "../style.ts";

interface InspectFlags {
  readonly json?: boolean;
  readonly raw?: boolean;
  readonly platform?: string;
  readonly store?: string;
  readonly insecure?: boolean;
}

/** `slipway inspect IMAGE` */
export function addInspectCommand(program: Command, context: CliContext): void {
  program
    .command("inspect")
    .description("Show what an image consists of: digests, platforms, layers, config, history, annotations.")
    .argument("<image>", "a name in the store or at a registry, docker://NAME, oci:DIR[:TAG], …")
    .option("--json", "print all of it as JSON")
    .option("--raw", "print the manifest or index itself, byte by byte")
    .option("--platform <os/arch>", "show just the manifest for one platform")
    .option("--store <dir>", STORE_OF_NAMES)
    .option("--insecure", INSECURE)
    .addHelpText(
      "after",
      `
Of an image at a registry only the documents are read, no layers.

Examples:
  slipway inspect docker://debian:stable-slim --platform linux/arm64
  slipway inspect --raw host.example/web:1 | sha256sum`,
    )
    .action((image: string, flags: InspectFlags) => inspect(image, flags, context));
}

async function inspect(text: string, flags: InspectFlags, context: CliContext): Promise<void> {
  const { stdout, env, signal } = context;
  const argument = parseImageArgument(text);
  const wanted = flags.platform === undefined ? undefined : parsePlatform(flags.platform, linuxPlatform());
  const store = flags.store ?? defaultStore(env);
  const note = noteTo(context);
  const onProgress = waitsTo(note);
  const places = { store, registry: registryClient(flags), note };
  if (flags.raw === true) {
    if (flags.json === true) {
      throw new SlipwayError("INVALID_OPTION", "Cannot use --raw together with --json: give one of them");
    }
    const choice = platformChoice(flags, "all");
    await withSource(argument, places, async (source) => {
      const { content, descriptor } = await sourceFor(source, choice).resolve({ signal, onProgress });
      await stdout.write(await readBlobBytes(content, descriptor, { signal }));
    });
    return;
  }
  const platforms = wanted === undefined ? undefined : [wanted];
  const opened = await openImage(argument, { ...places, signal, onProgress, platforms });
  try {
    const { content, image } = opened;
    const manifests = wanted === undefined ? image.manifests : [choosePlatform(image, wanted).manifest];
    const report = await reportImage(content, { ...image, manifests }, signal);
    const style = createStyle(wantsColours(stdout, env));
    await stdout.write(
      flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : imageTable(report, style, stdout.columns ?? 80),
    );
  } finally {
    await opened.close();
  }
}
