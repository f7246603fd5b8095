import type { ContentStore } from "../content/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";

/** The caller's part of an image config, in camelCase. image-spec `config.md`. */
export interface ImageConfigOptions {
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  /** Added to the base's and the default `PATH`; same keys replace. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly user?: string | undefined;
  readonly workingDir?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** `80`, `80/tcp`, `53/udp`. */
  readonly exposedPorts?: readonly string[] | undefined;
  readonly volumes?: readonly string[] | undefined;
  readonly stopSignal?: string | undefined;
  readonly healthcheck?: HealthcheckOptions | undefined;
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
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly startPeriod?: number | undefined;
  readonly retries?: number | undefined;
}

/** A step in an image's history. */
export interface HistoryOptions {
  readonly createdBy?: string | undefined;
  readonly comment?: string | undefined;
  readonly emptyLayer?: boolean | undefined;
}

/** An image to build on. */
export interface BaseImage {
  /** Manifest descriptor in `content`. */
  readonly manifest: Descriptor;
  readonly content: ContentStore;
  /** Snapshot key that holds the base's files, where they were applied: the ref chain is cut there. */
  readonly ref?: string | undefined;
  /** diffIDs as in the base's config, for checks. */
  readonly diffIDs?: readonly Digest[] | undefined;
}
