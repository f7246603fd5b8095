import type { Command } from "commander";
import { SlipwayError } from "../../index.ts";
import { formatReference, parseReference } from "../../oci/index.ts";
import type { SourceImage } from "../../transfer/index.ts";
import { addProgressFlags, INSECURE } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { defaultStore } from "../host-paths.ts";
import { parseImageArgument, parseRegistryArgument } from "../image-argument.ts";
import { withSource } from "../open-source.ts";
import { type PlatformFlags, platformChoice, sourceFor } from "../platform-choice.ts";
import { type ProgressFlags, progressMode, withDisplay } from "../progress/mode.ts";
import { pushAll } from "../push-all.ts";
import { withUploads } from "../registry-client.ts";
import { createStyle, wantsColours } from "../style.ts";
import { pushLines, summaryText } from "../transfer-summary.ts";

interface PushFlags extends PlatformFlags, ProgressFlags {
  readonly insecure?: boolean;
  readonly byDigest?: boolean;
  readonly store?: string;
}

/** `slipway push IMAGE [DEST…]` */
export function addPushCommand(program: Command, context: CliContext): void {
  addProgressFlags(
    program
      .command("push")
      .description("Push an image to a registry: only what is missing there.")
      .argument("<image>", "a name in the store, oci:DIR[:TAG], oci-archive:FILE[:TAG], …")
      .argument("[dest...]", "names to push it to (default: its own name)")
      .option("--platform <os/arch>", "push just the manifest for one platform")
      .option("--by-digest", "set no tag: the image is there by its digest only")
      .option("--insecure", INSECURE)
      .option("--store <dir>", "store of the image, and of unfinished uploads"),
  )
    .addHelpText(
      "after",
      `
An interrupted push goes on where it stopped when it is run again. Credentials
are those of docker login.

Examples:
  slipway push host.example/web:1
  slipway push web:1 host.example/team/web:1 other.example/web:1
  slipway push oci-archive:web.tar localhost:5000/web:1`,
    )
    .action((image: string, dests: readonly string[], flags: PushFlags) => push(image, dests, flags, context));
}

async function push(text: string, dests: readonly string[], flags: PushFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const argument = parseImageArgument(text);
  const names = dests.map(parseRegistryArgument);
  const mode = progressMode(flags, context);
  const choice = platformChoice(flags, "all");
  const store = flags.store ?? defaultStore(env);
  const pushed = await withDisplay(mode, `Pushing ${text}`, context, ({ onProgress, warn, note }) =>
    withSource(argument, { store, registry: undefined, note }, async (source) => {
      const image = await sourceFor(source, choice).resolve({ signal, onProgress });
      const to =
        names.length > 0 ? names : [ownName(text, argument.kind === "name" ? argument.name : undefined, image)];
      return await withUploads({ insecure: flags.insecure, store, warn }, (registry) =>
        pushAll(registry, image, to, { signal, onProgress, byDigest: flags.byDigest === true }),
      );
    }),
  );
  if (flags.quiet) {
    await stdout.write(`${pushed[0]?.descriptor.digest}\n`);
    return;
  }
  if (mode !== "rawjson") stderr.write("\n");
  await stdout.write(summaryText(pushed.flatMap(pushLines), createStyle(wantsColours(stdout, env))));
}

/** The name under which the image was asked for, or the only one that it has. */
function ownName(text: string, asked: string | undefined, { names }: SourceImage): string {
  if (asked !== undefined) return formatReference(parseReference(asked));
  const [only, second] = names;
  if (only !== undefined && second === undefined) return only;
  const why = only === undefined ? "it has no name" : `it has ${names.length} names`;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot push ${text}: ${why}; say where to: slipway push ${text} HOST/NAME:TAG`,
  );
}
