import type { ImageConfigOptions } from "../exporter/index.ts";
import { parseConfigWords } from "../frontend/index.ts";
import { SlipwayError } from "../index.ts";
import { type Platform, parsePlatform, parseReference } from "../oci/index.ts";
import { annotationKeys } from "./annotation-option.ts";
import type { BuildFlags } from "./build-flags.ts";
import { type CachePlace, cachePlace } from "./cache-directory.ts";
import type { CliContext } from "./context.ts";
import { defaultStore } from "./host-paths.ts";
import { type ImageArgument, parseImageArgument } from "./image-argument.ts";
import { linuxPlatform } from "./linux-platform.ts";
import { type Output, parseOutput } from "./output-option.ts";
import type { ProgressMode } from "./progress/display.ts";
import { progressMode } from "./progress/mode.ts";

/** A build as the command line asks for it, checked as far as that can be done without touching anything. */
export interface BuildPlan {
  readonly directory: string;
  readonly dest: string;
  readonly from: ImageArgument | undefined;
  /** Whether the layer is made without a look at the base; undefined: as the base is near or far. */
  readonly link: boolean | undefined;
  readonly platforms: readonly Platform[];
  readonly config: ImageConfigOptions;
  readonly output: Output;
  /** Names as they were given. */
  readonly names: readonly string[];
  readonly exporterOptions: Readonly<Record<string, string>>;
  readonly preserveOwner: boolean;
  readonly preserveMtime: boolean;
  readonly xattrs: boolean;
  /** Where blobs and names go; undefined: nowhere that stays. */
  readonly store: string | undefined;
  /** Where earlier builds have left what makes this one quick; undefined: everything is made anew. */
  readonly cache: CachePlace | undefined;
  /** Where a name given to `--from` is looked up, and unfinished uploads are remembered. */
  readonly namedImages: string;
  /** A root filesystem gets device nodes, setuid bits, owners and the like, too. */
  readonly unsafeSpecial: boolean;
  /** Plain http to any registry. */
  readonly insecure: boolean;
  readonly metadataFile: string | undefined;
  readonly iidfile: string | undefined;
  /** Threads to compress in; undefined: as many as the machine runs at once. */
  readonly workers: number | undefined;
  readonly progress: ProgressMode;
}

/** @throws SlipwayError `INVALID_OPTION`, `INVALID_REFERENCE`, `INVALID_PLATFORM`, `UNSUPPORTED` naming flag or value */
export function planBuild(directory: string, flags: BuildFlags, context: CliContext): BuildPlan {
  const output = outputOf(flags);
  if (output.dest === "-" && context.stdout.isTTY) {
    throw new SlipwayError(
      "INVALID_OPTION",
      "Cannot write the image to a terminal; redirect stdout, or name a file with dest=FILE",
    );
  }
  const flattened = output.type === "tar" || output.type === "local";
  const names = namesOf(flags, output);
  const platforms = platformsOf(flags.platform);
  if (flattened && platforms.length > 1) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot write ${platforms.length} platforms with type=${output.type}: build one at a time`,
    );
  }
  if (flags.unsafeSpecial && output.type !== "local") {
    const reason = `only type=local makes files, and type=${output.type} keeps them all as data`;
    throw new SlipwayError("INVALID_OPTION", `Cannot use --unsafe-special: ${reason}`);
  }
  return {
    directory,
    dest: flags.dest,
    from: flags.from === undefined || flags.from === "scratch" ? undefined : parseImageArgument(flags.from),
    link: flags.link,
    platforms,
    config: parseConfigWords(flags),
    output,
    names,
    exporterOptions: exporterOptionsOf(flags, output, flattened ? [] : names, context),
    preserveOwner: flags.preserveOwner === true,
    preserveMtime: flags.preserveMtime === true,
    xattrs: flags.xattrs,
    store: storeOf(flags, output, context),
    cache: cacheOf(flags, context),
    namedImages: flags.store ?? defaultStore(context.env),
    unsafeSpecial: flags.unsafeSpecial === true,
    insecure: flags.insecure === true,
    metadataFile: flags.metadataFile,
    iidfile: flags.iidfile,
    workers: workersOf(flags.jobs),
    progress: progressMode(flags, context),
  };
}

/** One block at a time is compressed in the thread that does all else. */
const MOST_JOBS = 256;

function workersOf(jobs: string | undefined): number | undefined {
  if (jobs === undefined) return undefined;
  const count = Number(jobs);
  // Each job has some MiB of memory: a slip of the finger must not take all there is.
  if (!/^\d{1,3}$/.test(jobs) || count > MOST_JOBS) {
    const allowed = `give a number from 0 to ${MOST_JOBS}`;
    throw new SlipwayError("INVALID_OPTION", `Cannot use --jobs ${JSON.stringify(jobs)}: ${allowed}`);
  }
  return count < 2 ? 0 : count;
}

/** `--push` is buildx': it pushes an image that is kept, or is an output of its own. */
function outputOf({ output = [], push = false }: BuildFlags): Output {
  const outputs = output.map(parseOutput);
  const kept = outputs.find(({ type }) => type === "image" || type === "registry");
  if (push && kept === undefined) outputs.push(parseOutput("type=registry"));
  const [first, second] = outputs;
  if (second !== undefined) {
    throw new SlipwayError(
      "UNSUPPORTED",
      "Cannot write several outputs in one build: give --output once, and --push with type=image only; a store (--store DIR) makes the next build quick",
    );
  }
  if (first === undefined) return parseOutput("type=image");
  if (!push) return first;
  return { ...first, exporterOptions: { ...first.exporterOptions, push: "true" } };
}

function namesOf({ tag = [] }: BuildFlags, output: Output): readonly string[] {
  const names = [...tag, ...(output.exporterOptions.name ?? "").split(",")].filter((name) => name !== "");
  for (const name of names) parseReference(name);
  if (output.exporterOptions.push !== undefined && names.length === 0) {
    throw new SlipwayError(
      "INVALID_OPTION",
      "Cannot push an image without a name: say where to with --tag HOST/NAME:TAG",
    );
  }
  const stays = output.type === "image" || output.directory;
  if (stays && names.length === 0 && output.exporterOptions["dangling-name-prefix"] === undefined) {
    throw new SlipwayError("INVALID_OPTION", "Cannot keep an image without a name: give it one with --tag NAME");
  }
  return [...new Set(names)];
}

function exporterOptionsOf(
  flags: BuildFlags,
  output: Output,
  names: readonly string[],
  { env }: CliContext,
): Readonly<Record<string, string>> {
  const { name: _, ...options } = output.exporterOptions;
  const epoch = flags.sourceDateEpoch ?? env.SOURCE_DATE_EPOCH;
  return {
    ...annotationKeys(flags.annotation ?? []),
    ...(epoch === undefined || epoch === "" ? {} : { "source-date-epoch": epoch }),
    ...(output.type === "tar" || output.type === "local" ? { compression: "uncompressed" } : {}),
    ...options,
    // What is only pushed has no name in the store that it is made in.
    ...(output.type === "registry" ? { store: "false" } : {}),
    ...(names.length === 0 ? {} : { name: names.join(",") }),
  };
}

function platformsOf(values: readonly string[] | undefined): readonly Platform[] {
  const texts = (values ?? []).flatMap((value) => value.split(",")).map((text) => text.trim());
  return texts.map((text) => parsePlatform(text, linuxPlatform()));
}

function cacheOf({ cache, cacheDir }: BuildFlags, { env }: CliContext): BuildPlan["cache"] {
  if (cache) return cachePlace(cacheDir, env);
  if (cacheDir === undefined) return undefined;
  throw new SlipwayError("INVALID_OPTION", "Cannot use --cache-dir together with --no-cache: give one of them");
}

function storeOf(flags: BuildFlags, output: Output, { env }: CliContext): string | undefined {
  if (!output.directory) return flags.store ?? (output.type === "image" ? defaultStore(env) : undefined);
  if (flags.store !== undefined) {
    throw new SlipwayError("INVALID_OPTION", "Cannot use --store with an output directory, which is a store itself");
  }
  return output.dest;
}
