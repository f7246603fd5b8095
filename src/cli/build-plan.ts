import type { ImageConfigOptions } from "../exporter/index.ts";
import { parseConfigWords } from "../frontend/index.ts";
import { SlipwayError } from "../index.ts";
import { type Platform, parsePlatform, parseReference } from "../oci/index.ts";
import { annotationKeys } from "./annotation-option.ts";
import type { BuildFlags } from "./build-flags.ts";
import type { CliContext } from "./context.ts";
import { defaultStore } from "./host-paths.ts";
import { type ImageArgument, parseImageArgument } from "./image-argument.ts";
import { linuxPlatform } from "./linux-platform.ts";
import { type Output, parseOutput } from "./output-option.ts";
import type { ProgressMode } from "./progress/display.ts";

/** A build as the command line asks for it, checked as far as that can be done without touching anything. */
export interface BuildPlan {
  readonly directory: string;
  readonly dest: string;
  readonly from: ImageArgument | undefined;
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
  /** Where a name given to `--from` is looked up. */
  readonly namedImages: string;
  readonly metadataFile: string | undefined;
  readonly iidfile: string | undefined;
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
  return {
    directory,
    dest: flags.dest,
    from: flags.from === undefined || flags.from === "scratch" ? undefined : parseImageArgument(flags.from),
    platforms,
    config: parseConfigWords(flags),
    output,
    names,
    exporterOptions: exporterOptionsOf(flags, output, flattened ? [] : names, context),
    preserveOwner: flags.preserveOwner === true,
    preserveMtime: flags.preserveMtime === true,
    xattrs: flags.xattrs,
    store: storeOf(flags, output, context),
    namedImages: flags.store ?? defaultStore(context.env),
    metadataFile: flags.metadataFile,
    iidfile: flags.iidfile,
    progress: progressOf(flags, context),
  };
}

function outputOf({ output = [] }: BuildFlags): Output {
  const [first, second] = output;
  if (second !== undefined) {
    throw new SlipwayError(
      "UNSUPPORTED",
      "Cannot write several outputs in one build: give --output once; a store (--store DIR) makes the next build quick",
    );
  }
  return first === undefined
    ? { type: "image", dest: undefined, directory: false, exporterOptions: {} }
    : parseOutput(first);
}

function namesOf({ tag = [] }: BuildFlags, output: Output): readonly string[] {
  const names = [...tag, ...(output.exporterOptions.name ?? "").split(",")].filter((name) => name !== "");
  for (const name of names) parseReference(name);
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
    ...(names.length === 0 ? {} : { name: names.join(",") }),
  };
}

function platformsOf(values: readonly string[] | undefined): readonly Platform[] {
  const texts = (values ?? []).flatMap((value) => value.split(",")).map((text) => text.trim());
  return texts.map((text) => parsePlatform(text, linuxPlatform()));
}

function storeOf(flags: BuildFlags, output: Output, { env }: CliContext): string | undefined {
  if (!output.directory) return flags.store ?? (output.type === "image" ? defaultStore(env) : undefined);
  if (flags.store !== undefined) {
    throw new SlipwayError("INVALID_OPTION", "Cannot use --store with an output directory, which is a store itself");
  }
  return output.dest;
}

function progressOf({ progress, quiet }: BuildFlags, { stderr }: CliContext): ProgressMode {
  if (quiet) return "quiet";
  switch (progress) {
    case "tty":
      if (stderr.isTTY !== true) {
        throw new SlipwayError("INVALID_OPTION", "Cannot use --progress tty: stderr is not a terminal; use plain");
      }
      return progress;
    case "auto":
    case "plain":
    case "rawjson":
      return progress;
    default:
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot use --progress ${JSON.stringify(progress)}: known are auto, plain, tty and rawjson`,
      );
  }
}
