import type { ContentProvider } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";

/** The caller's part of an image config, in camelCase. image-spec `config.md`. */
export interface ImageConfigOptions {
  /** Program and its first arguments. Replaces the base's, and drops the base's `cmd` unless that is given too. */
  readonly entrypoint?: readonly string[] | undefined;
  /** Default arguments of the entrypoint, or a whole command where there is none. Replaces the base's. */
  readonly cmd?: readonly string[] | undefined;
  /** Added to the base's and the default `PATH`; same keys replace. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** `NAME`, `UID`, `NAME:GROUP` or `UID:GID`. Empty: none, which is root. */
  readonly user?: string | undefined;
  /** Absolute path that the process starts in. Default: the base's, or else `/`. */
  readonly workingDir?: string | undefined;
  /** Added to the base's; same keys replace. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `80`, `80/tcp`, `53/udp`. */
  readonly exposedPorts?: readonly string[] | undefined;
  /** Absolute paths of directories with data of their own for each container, added to the base's. */
  readonly volumes?: readonly string[] | undefined;
  /** `SIGTERM`, `SIGRTMIN+3`, `KILL` or a number. */
  readonly stopSignal?: string | undefined;
  /** Replaces the base's as a whole. */
  readonly healthcheck?: HealthcheckOptions | undefined;
  /** Who made the image, in free form. Default: the base's. */
  readonly author?: string | undefined;
  /** RFC 3339; default absent, or from `sourceDateEpoch`. */
  readonly created?: string | undefined;
  /** History entries for the exported layers, oldest first, and for steps without a layer (`emptyLayer`). Default: one `slipway` entry per layer. */
  readonly history?: readonly HistoryOptions[] | undefined;
}

/** Docker's health check; times in seconds. */
export interface HealthcheckOptions {
  /** `["CMD", …]`, `["CMD-SHELL", "…"]` or `["NONE"]`. */
  readonly test: readonly string[];
  /** Seconds from the end of one check to the next, at least 0.001. */
  readonly interval?: number | undefined;
  /** Seconds after which a check counts as failed, at least 0.001. */
  readonly timeout?: number | undefined;
  /** Seconds from the start in which failed checks do not count, at least 0.001. */
  readonly startPeriod?: number | undefined;
  /** Failed checks in a row that make a container unhealthy. */
  readonly retries?: number | undefined;
}

/** A step in an image's history. */
export interface HistoryOptions {
  /** The command or instruction, for example `COPY . /srv`. */
  readonly createdBy?: string | undefined;
  /** A note, in free form. */
  readonly comment?: string | undefined;
  /** The step made no layer, such as setting a label. Default false: it stands for the next ref of the chain. */
  readonly emptyLayer?: boolean | undefined;
}

/** An image to build on. */
export interface BaseImage {
  /** Manifest descriptor in `content`. */
  readonly manifest: Descriptor;
  /** Has the manifest, the config and the layers. May be another store than the exporter's. */
  readonly content: ContentProvider;
  /** Snapshot key that holds the base's files, where they were applied: the ref chain is cut there. */
  readonly ref?: string | undefined;
  /** diffIDs as in the base's config, for checks. */
  readonly diffIDs?: readonly Digest[] | undefined;
}
