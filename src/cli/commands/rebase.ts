import type { Command } from "commander";
import { createMemoryContentStore } from "../../content/index.ts";
import type { OperationOptions } from "../../index.ts";
import { SlipwayError } from "../../index.ts";
import { type MutatedImage, type OriginalImage, readBaseAnnotations, rebaseImage } from "../../mutate/index.ts";
import { nodeHasher } from "../../node/index.ts";
import { parseReference, repositoryName } from "../../oci/index.ts";
import { type ImageSource, storeTarget } from "../../transfer/index.ts";
import { withBuildStore } from "../build-store.ts";
import { collect } from "../collect.ts";
import { addProgressFlags, INSECURE, STORE } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { defaultStore } from "../host-paths.ts";
import { type ImageArgument, parseImageArgument, parseRegistryArgument } from "../image-argument.ts";
import { type ImagePlaces, openSource } from "../open-source.ts";
import { type PlatformFlags, platformChoice, sourceFor } from "../platform-choice.ts";
import { type ProgressFlags, progressMode, withDisplay } from "../progress/mode.ts";
import { pushAll } from "../push-all.ts";
import { withUploads } from "../registry-client.ts";
import { createStyle, wantsColours } from "../style.ts";
import { copyLines, pushLines, type SummaryLine, summaryText } from "../transfer-summary.ts";

interface RebaseFlags extends PlatformFlags, ProgressFlags {
  readonly oldBase?: string;
  readonly newBase?: string;
  readonly tag?: readonly string[];
  readonly push?: boolean;
  readonly insecure?: boolean;
  readonly store?: string;
}

/** `slipway rebase IMAGE` */
export function addRebaseCommand(program: Command, context: CliContext): void {
  addProgressFlags(
    program
      .command("rebase")
      .description("Put an image's own layers onto a newer base, without building it anew.")
      .argument("<image>", "a name in the store or at a registry, docker://NAME, oci:DIR[:TAG], …")
      .option("--old-base <image>", "what it is based on now (default: as its annotations say)")
      .option("--new-base <image>", "what it is to be based on (default: as its annotations say)")
      .option("-t, --tag <name>", "name the result; may be given several times", collect)
      .option("--push", "push it to the registries of its names, and into no store")
      .option("--platform <os/arch>", "of an image for several platforms just this one")
      .option("--insecure", INSECURE)
      .option("--store <dir>", STORE),
  )
    .addHelpText(
      "after",
      `
No layer is read to do it. The image's own layers stay the same; what it took
over from the old base's config, it takes from the new one. The annotations
org.opencontainers.image.base.name and base.digest are read and written.

Examples:
  slipway rebase host.example/web:1 --old-base host.example/base@sha256:… \\
    --new-base host.example/base:2 -t host.example/web:2 --push`,
    )
    .action((image: string, flags: RebaseFlags) => rebase(image, flags, context));
}

async function rebase(text: string, flags: RebaseFlags, context: CliContext): Promise<void> {
  const { stdout, stderr, env, signal } = context;
  const argument = parseImageArgument(text);
  const bases = { old: oldBaseOf(flags.oldBase), new: flags.newBase && parseImageArgument(flags.newBase) };
  const names = (flags.tag ?? []).map(parseRegistryArgument);
  if (names.length === 0) {
    throw new SlipwayError("INVALID_OPTION", "Cannot rebase to an image without a name: give it one with --tag NAME");
  }
  const choice = platformChoice(flags, "all");
  const mode = progressMode(flags, context);
  const store = flags.store ?? defaultStore(env);
  const done = await withDisplay(mode, `Rebasing ${text}`, context, ({ onProgress, warn, note }) =>
    withUploads({ insecure: flags.insecure, store, warn }, async (registry) => {
      const operation = { signal, onProgress };
      const sources = new OpenSources({ store, registry, note });
      try {
        const image = await sourceFor(await sources.open(argument), choice).resolve(operation);
        const newBase = bases.new || (await annotatedBase(text, image, "--new-base", signal));
        const oldBase = bases.old ?? (await annotatedBase(text, image, "--old-base", signal));
        const rebased = await rebaseImage(
          {
            image,
            oldBase: oldBase === "scratch" ? oldBase : await (await sources.open(oldBase)).resolve(operation),
            newBase: await (await sources.open(newBase)).resolve(operation),
            newBaseName: "name" in newBase ? newBase.name : undefined,
          },
          { ...operation, content: createMemoryContentStore(), hasher: nodeHasher, onWarning: warn },
        );
        if (flags.push === true) {
          const pushed = await pushAll(registry, rebased, names, operation);
          return { digest: rebased.descriptor.digest, lines: pushed.flatMap(pushLines) };
        }
        return { digest: rebased.descriptor.digest, lines: await intoStore(rebased, names, store, operation) };
      } finally {
        await sources.close();
      }
    }),
  );
  if (flags.quiet) {
    await stdout.write(`${done.digest}\n`);
    return;
  }
  if (mode !== "rawjson") stderr.write("\n");
  await stdout.write(summaryText(done.lines, createStyle(wantsColours(stdout, env))));
}

function oldBaseOf(text: string | undefined): ImageArgument | "scratch" | undefined {
  if (text === undefined || text === "scratch") return text;
  return parseImageArgument(text);
}

/** The base that an image says it has: of its name and digest the old one, what the name stands for now is the new one. */
async function annotatedBase(
  text: string,
  image: OriginalImage,
  flag: "--old-base" | "--new-base",
  signal: AbortSignal,
): Promise<ImageArgument> {
  const { name, digest } = await readBaseAnnotations(image, { signal });
  if (name === undefined || (flag === "--old-base" && digest === undefined)) {
    const missing = `org.opencontainers.image.base.${name === undefined ? "name" : "digest"}`;
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot rebase ${text}: say which base with ${flag} IMAGE, as the image has no annotation ${missing}`,
    );
  }
  const base = flag === "--new-base" ? name : `${repositoryName(parseReference(name))}@${digest}`;
  return { kind: "name", name: base };
}

async function intoStore(
  image: MutatedImage,
  names: readonly string[],
  store: string,
  operation: OperationOptions,
): Promise<readonly SummaryLine[]> {
  return await withBuildStore(store, async (stores) => {
    const lines: SummaryLine[] = [];
    for (const name of names)
      lines.push(...copyLines(await storeTarget(stores, name).write({ ...image, names: [] }, operation)));
    return [...lines, ["store", printable(store)]];
  });
}

/** Sources that are closed together. */
class OpenSources {
  readonly #places: ImagePlaces;
  readonly #opened: { close(): Promise<void> }[] = [];

  constructor(places: ImagePlaces) {
    this.#places = places;
  }

  async open(argument: ImageArgument): Promise<ImageSource> {
    const opened = await openSource(argument, this.#places);
    this.#opened.push(opened);
    return opened.source;
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened.close();
  }
}
