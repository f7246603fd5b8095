import {
  createExporter,
  createMemoryContentStore,
  createSnapshotter,
  type ImageConfigOptions,
  type MetadataStore,
  type Platform,
  parseCommandLine,
  SlipwayError,
} from "slipway";
import { formatReference, parsePlatform, parseReference } from "slipway/oci";

/** The image settings as they were typed. */
export interface Settings {
  readonly name: string;
  readonly entrypoint: string;
  readonly cmd: string;
  readonly env: string;
  readonly workingDir: string;
  readonly user: string;
  readonly ports: string;
  readonly labels: string;
  readonly platforms: string;
  readonly compression: string;
}

export type SettingName = keyof Settings;

export const DEFAULT_SETTINGS: Settings = {
  name: "hello:latest",
  entrypoint: "",
  cmd: "",
  env: "",
  workingDir: "",
  user: "",
  ports: "",
  labels: "",
  platforms: "linux/amd64",
  compression: "gzip",
};

/** What a build is told. Plain data. */
export interface ImageRequest {
  /** Normalised, at least one. */
  readonly names: readonly string[];
  readonly config: ImageConfigOptions;
  /** At least one; several make an index. */
  readonly platforms: readonly Platform[];
  readonly compression: "gzip" | "uncompressed";
}

/** @throws SlipwayError for the first setting that is wrong */
export async function readSettings(settings: Settings): Promise<ImageRequest> {
  const request: ImageRequest = {
    names: namesOf(settings.name),
    config: configOf(settings),
    platforms: platformsOf(settings.platforms),
    compression: settings.compression === "uncompressed" ? "uncompressed" : "gzip",
  };
  await checkConfig(request.config);
  return request;
}

/** What is wrong with one setting, if anything. */
export async function settingProblem(name: SettingName, text: string): Promise<string | undefined> {
  try {
    if (name === "name") namesOf(text);
    else if (name === "platforms") platformsOf(text);
    else await checkConfig(configOf({ ...DEFAULT_SETTINGS, [name]: text }));
    return undefined;
  } catch (error) {
    if (error instanceof SlipwayError) return error.message;
    throw error;
  }
}

function namesOf(text: string): readonly string[] {
  const names = listOf(text).map((name) => formatReference(parseReference(name)));
  if (names.length === 0)
    throw new SlipwayError("INVALID_REFERENCE", "Cannot build without a name: write for example hello:1");
  return [...new Set(names)];
}

function platformsOf(text: string): readonly Platform[] {
  const platforms = listOf(text).map((platform) => parsePlatform(platform));
  if (platforms.length > 0) return platforms;
  throw new SlipwayError("INVALID_PLATFORM", "Cannot build for no platform: write for example linux/amd64");
}

/** What is empty stays unsaid, so that an image is the same as one of the command line without that flag. */
function configOf(settings: Settings): ImageConfigOptions {
  const given = <T>(text: string, read: (text: string) => T): T | undefined =>
    text.trim() === "" ? undefined : read(text);
  return {
    entrypoint: given(settings.entrypoint, (text) => parseCommandLine(text, "entrypoint")),
    cmd: given(settings.cmd, (text) => parseCommandLine(text, "arguments")),
    env: given(settings.env, (text) => keyValues(text, "environment variable")),
    workingDir: given(settings.workingDir, (text) => text.trim()),
    user: given(settings.user, (text) => text.trim()),
    exposedPorts: given(settings.ports, listOf),
    labels: given(settings.labels, (text) => keyValues(text, "label")),
  };
}

/** The library's own judgement: an image without layers is made in memory and forgotten. */
async function checkConfig(config: ImageConfigOptions): Promise<void> {
  const content = createMemoryContentStore();
  const exporter = createExporter({ content, snapshots: createSnapshotter({ content }) });
  await exporter.resolve().export(undefined, { config });
}

/** Words between commas and blanks. */
function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** `KEY=VALUE` lines; empty ones are passed over. */
function keyValues(text: string, what: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const equals = line.indexOf("=");
      if (equals > 0) return [line.slice(0, equals).trim(), line.slice(equals + 1)];
      throw new SlipwayError(
        "INVALID_ARGUMENT",
        `Cannot use the ${what} ${JSON.stringify(line)}: write it as KEY=VALUE`,
      );
    }),
  );
}

const RECORD = "playground/settings";

/** The settings as they were when the page was left. */
export async function loadSettings(metadata: MetadataStore): Promise<Settings> {
  const record = await metadata.get(RECORD);
  if (record === undefined) return DEFAULT_SETTINGS;
  let saved: unknown;
  try {
    saved = JSON.parse(new TextDecoder().decode(record));
  } catch {
    return DEFAULT_SETTINGS;
  }
  const texts = Object.entries(saved ?? {}).filter(
    ([key, value]) => key in DEFAULT_SETTINGS && typeof value === "string",
  );
  return { ...DEFAULT_SETTINGS, ...Object.fromEntries(texts) };
}

export async function saveSettings(metadata: MetadataStore, settings: Settings): Promise<void> {
  await metadata.set(RECORD, new TextEncoder().encode(JSON.stringify(settings)));
}
