import type { RuntimeConfig } from "../oci/config.ts";
import type { ImageConfigOptions } from "./config.ts";
import {
  absolutePath,
  environmentVariable,
  exposedPort,
  healthcheck,
  invalidConfig,
  stopSignal,
} from "./config-values.ts";

/** The `PATH` of an image that has none, as BuildKit sets it. Not for Windows, which has its own. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A config section while it is made. */
type Draft = { -readonly [Key in keyof RuntimeConfig]: RuntimeConfig[Key] };

/**
 * How containers are started: the base's section, then the defaults, then what the caller says. Fields of the base that nobody
 * mentions stay as they are, unknown ones too.
 * @param defaults whether a `PATH` and a working directory are set where there is none
 * @throws SlipwayError `INVALID_ARGUMENT` naming the field
 */
export function runtimeConfig(
  base: RuntimeConfig | undefined,
  options: ImageConfigOptions,
  os: string,
  defaults: boolean = true,
): RuntimeConfig {
  const config: Draft = { ...base };
  if (options.user !== undefined) config.User = text("user", options.user);
  if (options.exposedPorts !== undefined) {
    config.ExposedPorts = union(config.ExposedPorts, list("exposedPorts", options.exposedPorts).map(exposedPort));
  }
  config.Env = environment(config.Env, options.env, defaults && os !== "windows");
  if (options.entrypoint !== undefined) {
    config.Entrypoint = list("entrypoint", options.entrypoint);
    // The base's arguments were meant for the base's entrypoint.
    if (options.cmd === undefined) delete config.Cmd;
  }
  if (options.cmd !== undefined) config.Cmd = list("cmd", options.cmd);
  if (options.volumes !== undefined) {
    const volumes = list("volumes", options.volumes).map((path) => absolutePath("volumes", path, os));
    config.Volumes = union(config.Volumes, volumes);
  }
  if (options.workingDir !== undefined) {
    config.WorkingDir = absolutePath("workingDir", text("workingDir", options.workingDir), os);
  }
  if (defaults) config.WorkingDir ||= "/";
  if (options.labels !== undefined) config.Labels = labels(config.Labels, options.labels);
  if (options.stopSignal !== undefined) config.StopSignal = stopSignal(text("stopSignal", options.stopSignal));
  if (options.healthcheck !== undefined) config.Healthcheck = healthcheck(options.healthcheck);

  for (const key of ["Env", "Entrypoint", "Cmd", "User"] as const) {
    if (config[key]?.length === 0) delete config[key];
  }
  return config;
}

/** The base's variables, the default `PATH` if there is none, then the caller's; one that is there is replaced in its place. */
function environment(
  base: readonly string[] | undefined,
  given: Readonly<Record<string, string>> | undefined,
  defaultPath: boolean,
): readonly string[] {
  const variables = [...(base ?? [])];
  const find = (key: string): number => variables.findIndex((variable) => variable.startsWith(`${key}=`));
  if (defaultPath && find("PATH") < 0) variables.push(`PATH=${DEFAULT_PATH}`);
  for (const [key, value] of Object.entries(given ?? {})) {
    const variable = environmentVariable(key, text(`env.${key}`, value));
    const place = find(key);
    if (place < 0) variables.push(variable);
    else variables[place] = variable;
  }
  return variables;
}

function labels(
  base: Readonly<Record<string, string>> | undefined,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const merged = new Map(Object.entries(base ?? {}));
  for (const [key, value] of Object.entries(given)) {
    if (key === "") throw invalidConfig("labels", "has a label without a name");
    merged.set(key, text(`labels.${key}`, value));
  }
  return Object.fromEntries(merged);
}

/** A set in the form that image configs have: an object with empty objects. */
function union(
  base: Readonly<Record<string, Readonly<Record<string, never>>>> | undefined,
  keys: readonly string[],
): Readonly<Record<string, Readonly<Record<string, never>>>> {
  return { ...base, ...Object.fromEntries(keys.map((key) => [key, {}])) };
}

function text(field: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalidConfig(field, "must be a string");
}

function list(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw invalidConfig(field, "must be a list of strings");
}
