import { SlipwayError } from "../errors.ts";
import type { ImageConfig } from "../oci/config.ts";
import type { Digest } from "../oci/digest.ts";
import { formatPlatform, normalisePlatform, type Platform } from "../oci/platform.ts";
import { formatTimestamp } from "../oci/time.ts";
import type { ImageConfigOptions } from "./config.ts";
import { timestamp } from "./config-values.ts";
import { baseHistory, chainHistory } from "./history.ts";
import { runtimeConfig } from "./runtime-config.ts";

/** What an image config is made of. */
export interface ImageConfigParts {
  readonly platform: Platform;
  readonly options: ImageConfigOptions;
  /** The base's config, whose fields stay unless they are said anew. */
  readonly base: ImageConfig | undefined;
  /** diffIDs of the base's layers as they are in this image. */
  readonly baseDiffIDs: readonly Digest[];
  /** diffID of each ref of the exported chain, from the base up; undefined for a ref that changed nothing. */
  readonly chainDiffIDs: readonly (Digest | undefined)[];
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number | undefined;
  /** Whether the base's own times are clamped as well. */
  readonly rewriteTimestamp: boolean;
}

/**
 * The config of an image: what runs, and what each layer is. image-spec `config.md`.
 *
 * `created` is the caller's, clamped to the epoch, or the epoch, or absent; a base's is never taken over, for it is another image.
 * @throws SlipwayError `INVALID_ARGUMENT` naming the field
 */
export function imageConfig(parts: ImageConfigParts): ImageConfig {
  const { base, options, platform, sourceDateEpoch } = parts;
  const { created: _, ...kept } = base ?? {};
  const created = createdTime(options.created, sourceDateEpoch);
  const author = options.author ?? base?.author;
  const clampBase = parts.rewriteTimestamp ? sourceDateEpoch : undefined;
  const history = [
    ...baseHistory(base?.history, parts.baseDiffIDs.length).map((entry) => clampCreated(entry, clampBase)),
    ...chainHistory(
      options.history,
      parts.chainDiffIDs.map((diffID) => diffID !== undefined),
      created,
    ),
  ];
  return {
    ...kept,
    ...(created === undefined ? {} : { created }),
    ...(author === undefined ? {} : { author }),
    ...platformFields(platform),
    config: runtimeConfig(base?.config, options, platform.os),
    rootfs: {
      type: "layers",
      diff_ids: [...parts.baseDiffIDs, ...parts.chainDiffIDs.filter((diffID) => diffID !== undefined)],
    },
    ...(history.length === 0 ? {} : { history }),
  };
}

/** The fields of a platform, of a config that has them among others. */
function platformFields(config: Platform): Platform {
  const { architecture, os, variant, "os.version": version, "os.features": features } = config;
  return {
    architecture,
    os,
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
    ...(variant === undefined ? {} : { variant }),
  };
}

/**
 * The platform of an image: the base's, or else the caller's, or else `linux/amd64`.
 * @throws SlipwayError `INVALID_ARGUMENT` if the caller wants another one than the base has
 */
export function imagePlatform(wanted: Platform | undefined, base: ImageConfig | undefined): Platform {
  if (base === undefined) return normalisePlatform(wanted ?? { architecture: "amd64", os: "linux" });
  const actual = platformFields(base);
  const name = (platform: Platform): string => formatPlatform(normalisePlatform(platform));
  if (wanted === undefined || name(wanted) === name(actual)) return actual;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot export for ${formatPlatform(wanted)}: the base image is for ${formatPlatform(actual)}`,
  );
}

function createdTime(given: string | undefined, epoch: number | undefined): string | undefined {
  if (given === undefined) return epoch === undefined ? undefined : formatTimestamp(epoch);
  const time = timestamp("created", given);
  return epoch !== undefined && Date.parse(time) > epoch * 1000 ? formatTimestamp(epoch) : time;
}

function clampCreated<Entry extends { readonly created?: string }>(entry: Entry, epoch: number | undefined): Entry {
  if (epoch === undefined || entry.created === undefined || !(Date.parse(entry.created) > epoch * 1000)) return entry;
  return { ...entry, created: formatTimestamp(epoch) };
}
