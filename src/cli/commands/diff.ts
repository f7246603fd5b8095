import type { Command } from "commander";
import { createMemoryContentStore } from "../../content/index.ts";
import type { Change } from "../../diff/index.ts";
import { compareTrees } from "../../diff/index.ts";
import { flattenImage, SlipwayError } from "../../index.ts";
import { nodeHasher } from "../../node/index.ts";
import { type Platform, parsePlatform } from "../../oci/index.ts";
import type { Tree } from "../../snapshots/index.ts";
import { INSECURE, noteTo, STORE_OF_NAMES, waitsTo } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { defaultStore } from "../host-paths.ts";
import { parseImageArgument } from "../image-argument.ts";
import { linuxPlatform } from "../linux-platform.ts";
import { choosePlatform, type OpenImageOptions, openImage } from "../open-image.ts";
import { registryClient } from "../registry-client.ts";
import { createStyle, type Style, wantsColours } from "../style.ts";

interface DiffFlags {
  readonly json?: boolean;
  readonly layers?: string;
  readonly mtime: boolean;
  readonly platform?: string;
  readonly store?: string;
  readonly insecure?: boolean;
}

/** `slipway diff A B`, `slipway diff IMAGE --layers N` */
export function addDiffCommand(program: Command, context: CliContext): void {
  program
    .command("diff")
    .description("Show what differs between two images, or what layers of an image change.")
    .argument("<image>", "the older image")
    .argument("[other]", "the newer image")
    .option(
      "--layers <n|n..m>",
      "within one image: what layer n changes, or from after layer n to after m (0: nothing)",
    )
    .option("--no-mtime", "do not tell files of which only the modification time differs")
    .option("--platform <os/arch>", "of images for several platforms")
    .option("--json", "print one JSON array")
    .option("--store <dir>", STORE_OF_NAMES)
    .option("--insecure", INSECURE)
    .addHelpText(
      "after",
      `
Lines begin with + (added), ~ (modified, with reasons) or - (removed; of a
directory just its top).

Examples:
  slipway diff docker-archive:old.tar docker-archive:new.tar
  slipway diff oci:layout:1 --layers 2
  slipway diff docker://host.example/web:1 docker://host.example/web:2`,
    )
    .action((image: string, other: string | undefined, flags: DiffFlags) => diff(image, other, flags, context));
}

async function diff(image: string, other: string | undefined, flags: DiffFlags, context: CliContext): Promise<void> {
  const { stdout, env, signal } = context;
  if ((other === undefined) === (flags.layers === undefined)) {
    throw new SlipwayError("INVALID_OPTION", "Cannot compare: name two images, or one image and --layers");
  }
  const store = flags.store ?? defaultStore(env);
  const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform, linuxPlatform());
  const note = noteTo(context);
  const options = { store, signal, onProgress: waitsTo(note), registry: registryClient(flags), note };
  const tree = (text: string, layers?: number): Promise<Tree> => treeOf(text, layers, platform, options);
  const range = flags.layers === undefined ? undefined : parseLayers(flags.layers);
  const lower = await tree(image, range?.from);
  const upper = await tree(other ?? image, range?.to);
  const changes = compareTrees(lower, upper, { mtimeChanges: flags.mtime });
  const style = createStyle(wantsColours(stdout, env));
  await (flags.json ? printJson(changes, stdout) : printLines(changes, style, stdout));
}

/** `2` is what layer 2 does; `1..3` what layers 2 and 3 do together. */
function parseLayers(text: string): { readonly from: number; readonly to: number } {
  const [, first, last] = /^(\d{1,4})(?:\.\.(\d{1,4}))?$/.exec(text) ?? [];
  const range =
    last === undefined ? { from: Number(first) - 1, to: Number(first) } : { from: Number(first), to: Number(last) };
  if (first !== undefined && range.from >= 0) return range;
  throw new SlipwayError("INVALID_OPTION", `Cannot use --layers ${JSON.stringify(text)}: write 2, or 1..3`);
}

/** The files of an image, or of its first layers. Their contents are not kept: digests are all that is compared. */
async function treeOf(
  text: string,
  layers: number | undefined,
  platform: Platform | undefined,
  options: OpenImageOptions,
): Promise<Tree> {
  const platforms = platform === undefined ? undefined : [platform];
  const opened = await openImage(parseImageArgument(text), { ...options, platforms });
  try {
    const { manifest } = choosePlatform(opened.image, platform);
    return await flattenImage(opened.content, manifest.descriptor, {
      files: createMemoryContentStore(),
      contents: "skip",
      layers,
      hasher: nodeHasher,
      signal: options.signal,
    });
  } finally {
    await opened.close();
  }
}

async function printJson(changes: Iterable<Change>, stdout: CliContext["stdout"]): Promise<void> {
  const list = [...changes].map(({ kind, path, reasons, upper, lower }) => ({
    kind,
    path,
    reasons,
    type: (upper ?? lower)?.type,
  }));
  await stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
}

const LINES_AT_ONCE = 1000;

async function printLines(changes: Iterable<Change>, style: Style, stdout: CliContext["stdout"]): Promise<void> {
  const counts = { add: 0, modify: 0, delete: 0 };
  let lines: string[] = [];
  const flush = async (): Promise<void> => {
    await stdout.write(lines.join(""));
    lines = [];
  };
  for (const change of changes) {
    counts[change.kind]++;
    lines.push(`${changeLine(change, style)}\n`);
    if (lines.length === LINES_AT_ONCE) await flush();
  }
  lines.push(style.dim(`${counts.add} added, ${counts.modify} modified, ${counts.delete} removed\n`));
  await flush();
}

function changeLine({ kind, path, reasons, upper, lower }: Change, style: Style): string {
  const node = upper ?? lower;
  const shown = printable(path) + (node?.type === "directory" ? "/" : "");
  if (kind === "add") return style.green(`+ ${shown}`);
  if (kind === "delete") return style.red(`- ${shown}`);
  return `${style.yellow(`~ ${shown}`)}  ${style.dim(reasons.join(", "))}`;
}
