import type { Command } from "commander";
import { parsePlatform } from "../../oci/index.ts";
import type { CliContext } from "../context.ts";
import { defaultStore } from "../host-paths.ts";
import { parseImageArgument } from "../image-argument.ts";
import { reportImage } from "../image-report.ts";
import { imageTable } from "../image-table.ts";
import { linuxPlatform } from "../linux-platform.ts";
import { choosePlatform, openImage } from "../open-image.ts";
import { createStyle, wantsColours } from "../style.ts";

interface InspectFlags {
  readonly json?: boolean;
  readonly platform?: string;
  readonly store?: string;
}

/** `slipway inspect IMAGE` */
export function addInspectCommand(program: Command, context: CliContext): void {
  program
    .command("inspect")
    .description("Show what an image consists of: digests, platforms, layers, config, history, annotations.")
    .argument("<image>", "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or a name in the store")
    .option("--json", "print all of it as JSON")
    .option("--platform <os/arch>", "show just the manifest for one platform")
    .option("--store <dir>", "store in which names are looked up")
    .action((image: string, flags: InspectFlags) => inspect(image, flags, context));
}

async function inspect(text: string, flags: InspectFlags, { stdout, env, signal }: CliContext): Promise<void> {
  const wanted = flags.platform === undefined ? undefined : parsePlatform(flags.platform, linuxPlatform());
  const opened = await openImage(parseImageArgument(text), { store: flags.store ?? defaultStore(env), signal });
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
