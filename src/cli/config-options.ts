import type { HealthcheckOptions, ImageConfigOptions } from "../exporter/index.ts";
import { parseCommandLine } from "../frontend/index.ts";
import { SlipwayError } from "../index.ts";

/** The flags of `build` that end up in the image's config, as commander has them. */
export interface ConfigFlags {
  readonly entrypoint?: string;
  readonly cmd?: string;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly label?: readonly string[];
  readonly expose?: readonly string[];
  readonly volume?: readonly string[];
  readonly stopSignal?: string;
  readonly healthcheckCmd?: string;
  readonly healthcheckInterval?: string;
  readonly healthcheckTimeout?: string;
  readonly healthcheckStartPeriod?: string;
  readonly healthcheckRetries?: string;
  /** False: `--no-healthcheck`. */
  readonly healthcheck?: boolean;
}

/** @throws SlipwayError `INVALID_OPTION` naming the flag */
export function configOf(flags: ConfigFlags): ImageConfigOptions {
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
export function keyValues(
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

function healthcheckOf(flags: ConfigFlags): HealthcheckOptions | undefined {
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
