import { SlipwayError } from "../errors.ts";
import type { ImageConfigOptions } from "../exporter/config.ts";
import type { HealthcheckOptions } from "../exporter/index.ts";
import { parseCommandLine } from "./command-words.ts";

/** An image's config in words, as people type them: the flags of the command line, the fields of a form, a query. */
export interface ConfigWords {
  /** Words as a shell splits them, or a JSON array of strings. */
  readonly entrypoint?: string | undefined;
  /** As `entrypoint`. */
  readonly cmd?: string | undefined;
  /** `KEY=VALUE` each; the last of the same key counts. */
  readonly env?: readonly string[] | undefined;
  /** Absolute path. */
  readonly workdir?: string | undefined;
  /** `user[:group]`, names or numbers. */
  readonly user?: string | undefined;
  /** `KEY=VALUE` each. */
  readonly label?: readonly string[] | undefined;
  /** `8080` or `53/udp` each. */
  readonly expose?: readonly string[] | undefined;
  /** Absolute paths. */
  readonly volume?: readonly string[] | undefined;
  /** A name such as `SIGTERM`, or a number. */
  readonly stopSignal?: string | undefined;
  /** A shell's command line, or a JSON array of strings. */
  readonly healthcheckCmd?: string | undefined;
  /** `30s`, `1m30s`, `500ms`, or a number of seconds. */
  readonly healthcheckInterval?: string | undefined;
  /** As `healthcheckInterval`. */
  readonly healthcheckTimeout?: string | undefined;
  /** As `healthcheckInterval`. */
  readonly healthcheckStartPeriod?: string | undefined;
  /** A number. */
  readonly healthcheckRetries?: string | undefined;
  /** False: none, not even the base's. */
  readonly healthcheck?: boolean | undefined;
}

/**
 * The config that such words mean; what is not said is left to the base.
 * @throws SlipwayError `INVALID_OPTION`; its message names a word as the command line's flag
 */
export function parseConfigWords(flags: ConfigWords): ImageConfigOptions {
  return {
    entrypoint: flags.entrypoint === undefined ? undefined : parseCommandLine(flags.entrypoint, "--entrypoint"),
    cmd: flags.cmd === undefined ? undefined : parseCommandLine(flags.cmd, "--cmd"),
    env: keyValues(flags.env, "--env"),
    workingDir: flags.workdir,
    user: flags.user,
    labels: keyValues(flags.label, "--label"),
    exposedPorts: flags.expose,
    volumes: flags.volume,
    stopSignal: flags.stopSignal,
    healthcheck: healthcheckOf(flags),
  };
}

/** `K=V` fields; the last of the same key counts. @throws SlipwayError `INVALID_OPTION` */
function keyValues(
  values: readonly string[] | undefined,
  option: string,
): Readonly<Record<string, string>> | undefined {
  if (values === undefined) return undefined;
  const entries = values.map((value): [string, string] => {
    const equals = value.indexOf("=");
    if (equals < 1) {
      throw new SlipwayError("INVALID_OPTION", `Cannot use ${option} ${JSON.stringify(value)}: it is not KEY=VALUE`);
    }
    return [value.slice(0, equals), value.slice(equals + 1)];
  });
  return Object.fromEntries(entries);
}

function healthcheckOf(flags: ConfigWords): HealthcheckOptions | undefined {
  const { healthcheckCmd: command } = flags;
  const details = {
    interval: flags.healthcheckInterval,
    timeout: flags.healthcheckTimeout,
    startPeriod: flags.healthcheckStartPeriod,
    retries: flags.healthcheckRetries,
  };
  const hasDetails = Object.values(details).some((value) => value !== undefined);
  if (flags.healthcheck === false) {
    if (command === undefined && !hasDetails) return { test: ["NONE"] };
    throw new SlipwayError("INVALID_OPTION", "Cannot use --no-healthcheck together with other --healthcheck options");
  }
  if (command === undefined) {
    if (!hasDetails) return undefined;
    throw new SlipwayError("INVALID_OPTION", "Cannot use --healthcheck options without --healthcheck-cmd");
  }
  const retries = details.retries === undefined ? undefined : Number(details.retries);
  if (retries !== undefined && !/^\d{1,9}$/.test(details.retries ?? "")) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use --healthcheck-retries ${JSON.stringify(details.retries)}: not a number`,
    );
  }
  const isArray = command.trimStart().startsWith("[");
  return {
    test: isArray ? ["CMD", ...parseCommandLine(command, "--healthcheck-cmd")] : ["CMD-SHELL", command],
    interval: duration(details.interval, "--healthcheck-interval"),
    timeout: duration(details.timeout, "--healthcheck-timeout"),
    startPeriod: duration(details.startPeriod, "--healthcheck-start-period"),
    retries,
  };
}

const SECONDS_IN: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

/** `1m30s`, `500ms`, or a number of seconds. @returns seconds */
function duration(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use ${option} ${JSON.stringify(text)}: write it like 30s, 1m30s or 500ms`,
    );
  }
  let seconds = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    seconds += Number(number) * (SECONDS_IN[unit] ?? 0);
  }
  return seconds;
}
