import { GZIP_ENGINES, type GzipEngine } from "../compress/gzip.ts";
import type { LayerCompression } from "../diff/differ.ts";
import { SlipwayError } from "../errors.ts";
import { type Annotation, isAnnotationOption, parseAnnotationKey } from "./annotations.ts";
import type { ExporterOptions } from "./exporter.ts";
import { parseNames } from "./names.ts";
import { booleanValue, integerValue, invalidOption, stringValue } from "./option-values.ts";

/** Options of an export, checked and with their defaults. */
export interface ResolvedOptions {
  /** Normalised, each once, in the order given. */
  readonly names: readonly string[];
  readonly compression: LayerCompression;
  readonly compressionLevel: number | undefined;
  readonly compressionEngine: GzipEngine | undefined;
  readonly forceCompression: boolean;
  readonly ociMediatypes: boolean;
  readonly annotations: readonly Annotation[];
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number | undefined;
  readonly rewriteTimestamp: boolean;
  readonly nameCanonical: boolean;
  readonly danglingNamePrefix: string | undefined;
  readonly danglingNameEmptyOnly: boolean;
  readonly store: boolean;
  readonly push: boolean;
  /** The names have no tags then. */
  readonly pushByDigest: boolean;
  readonly registryInsecure: boolean;
  readonly mtimeChanges: boolean;
  readonly xattrs: ((name: string) => boolean) | undefined;
  readonly onWarning: (message: string) => void;
}

/** Every option by BuildKit's spelling, or ours in its manner, with the name of the typed form. */
const SPELLINGS = {
  name: "name",
  compression: "compression",
  "compression-level": "compressionLevel",
  "compression-engine": "compressionEngine",
  "force-compression": "forceCompression",
  "oci-mediatypes": "ociMediatypes",
  "source-date-epoch": "sourceDateEpoch",
  "rewrite-timestamp": "rewriteTimestamp",
  "name-canonical": "nameCanonical",
  "dangling-name-prefix": "danglingNamePrefix",
  "dangling-name-empty-only": "danglingNameEmptyOnly",
  // BuildKit's own spelling of the one above.
  "danging-name-empty-only": "danglingNameEmptyOnly",
  store: "store",
  push: "push",
  "push-by-digest": "pushByDigest",
  "registry.insecure": "registryInsecure",
  "mtime-changes": "mtimeChanges",
} as const satisfies Readonly<Record<string, keyof ExporterOptions>>;

type OptionName = (typeof SPELLINGS)[keyof typeof SPELLINGS] | "annotations" | "xattrs" | "onWarning";

const NAMES: ReadonlyMap<string, OptionName> = new Map<string, OptionName>([
  ...Object.entries(SPELLINGS),
  ...Object.values(SPELLINGS).map((name) => [name, name] as const),
  ["annotations", "annotations"],
  ["xattrs", "xattrs"],
  ["onWarning", "onWarning"],
]);

/** Options of BuildKit's image exporter that ask for what this one does not do: an error, as the result would be another. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  unpack: "there is no runtime to unpack into",
  "prefer-nondist-layers": "layers are always made distributable",
};

/** Options of BuildKit's image exporter that change nothing in what this one does. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  "oci-artifact": "the exporter makes no attestations",
  "attestation-inline": "the exporter makes no attestations",
};

/** Seconds of 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what RFC 3339 can say. */
const EARLIEST = -62_167_219_200;
const LATEST = 253_402_300_799;

/** What an export can do besides making the image. */
export interface ExportAbilities {
  /** There is an image store. */
  readonly images: boolean;
  /** There is somebody who pushes. */
  readonly pusher: boolean;
}

/**
 * Checks options in both forms: the typed one, and strings under BuildKit's keys. An option that nobody knows is told to `onWarning`.
 * @throws SlipwayError `INVALID_OPTION` naming the option, its value and what is allowed; `UNSUPPORTED` for what BuildKit's
 *   exporter can do and this one cannot
 */
export function resolveOptions(
  options: ExporterOptions | Readonly<Record<string, string>> = {},
  can: ExportAbilities = { images: true, pusher: true },
): ResolvedOptions {
  const { given, annotations, warnings } = sort(options);
  const value = (name: OptionName): unknown => given.get(name)?.value;
  const option = (name: OptionName): string => given.get(name)?.spelling ?? name;
  const boolean = (name: OptionName, byDefault: boolean, emptyIsTrue: boolean): boolean =>
    value(name) === undefined ? byDefault : booleanValue(option(name), value(name), emptyIsTrue);

  const push = boolean("push", false, true);
  const pushByDigest = boolean("pushByDigest", false, true) && push;
  const resolved: ResolvedOptions = {
    names: parseNames(option("name"), value("name"), pushByDigest ? option("pushByDigest") : undefined),
    compression: compressionOf(option("compression"), value("compression")),
    compressionLevel:
      value("compressionLevel") === undefined
        ? undefined
        : integerValue(option("compressionLevel"), value("compressionLevel"), 0, 9, "an integer"),
    compressionEngine: engineOf(option("compressionEngine"), value("compressionEngine")),
    forceCompression: boolean("forceCompression", false, true),
    ociMediatypes: boolean("ociMediatypes", true, false),
    annotations,
    sourceDateEpoch: epochOf(option("sourceDateEpoch"), value("sourceDateEpoch")),
    rewriteTimestamp: boolean("rewriteTimestamp", false, false),
    nameCanonical: boolean("nameCanonical", false, true),
    danglingNamePrefix: prefixOf(option("danglingNamePrefix"), value("danglingNamePrefix")),
    danglingNameEmptyOnly: boolean("danglingNameEmptyOnly", false, true),
    store: boolean("store", true, true),
    push,
    pushByDigest,
    registryInsecure: boolean("registryInsecure", false, true),
    mtimeChanges: boolean("mtimeChanges", true, false),
    xattrs: functionOf<(name: string) => boolean>(option("xattrs"), value("xattrs")),
    onWarning: functionOf<(message: string) => void>("onWarning", value("onWarning")) ?? (() => undefined),
  };

  if (resolved.rewriteTimestamp && resolved.sourceDateEpoch === undefined) {
    throw invalidOption(option("rewriteTimestamp"), true, "used together with source-date-epoch");
  }
  if (push && !can.pusher) {
    throw invalidOption(option("push"), true, "used with somebody who pushes: give the exporter a `pusher`");
  }
  if (push && resolved.names.length === 0) throw invalidOption(option("push"), true, "used together with name");
  if (!can.images && resolved.store) {
    for (const name of ["name", "danglingNamePrefix"] as const) {
      if (value(name) === undefined || value(name) === "") continue;
      if (name === "name" && (push || resolved.names.length === 0)) continue;
      throw invalidOption(option(name), value(name), "used with an image store, or with store=false");
    }
  }
  if (!push) {
    for (const name of ["pushByDigest", "registryInsecure"] as const) {
      if (value(name) === undefined || !booleanValue(option(name), value(name), true)) continue;
      warnings.push(`Option ${option(name)} has no effect: nothing is pushed`);
    }
  }
  for (const name of ["compressionLevel", "compressionEngine"] as const) {
    if (resolved[name] === undefined || resolved.compression !== "uncompressed") continue;
    warnings.push(`Option ${option(name)} has no effect: nothing is compressed`);
  }
  for (const warning of warnings) resolved.onWarning(warning);
  return resolved;
}

interface SortedOptions {
  readonly given: ReadonlyMap<OptionName, { readonly spelling: string; readonly value: unknown }>;
  readonly annotations: readonly Annotation[];
  readonly warnings: string[];
}

/** Tells apart options, annotations and what is neither. */
function sort(options: ExporterOptions | Readonly<Record<string, string>>): SortedOptions {
  const given = new Map<OptionName, { spelling: string; value: unknown }>();
  const annotations: Annotation[] = [];
  const warnings: string[] = [];
  for (const [spelling, value] of Object.entries<unknown>({ ...options })) {
    if (value === undefined) continue;
    const name = NAMES.get(spelling);
    if (isAnnotationOption(spelling)) {
      annotations.push({ ...parseAnnotationKey(spelling), value: stringValue(spelling, value) });
    } else if (name === "annotations") {
      annotations.push(...annotationsOf(value));
    } else if (name !== undefined) {
      const other = given.get(name);
      if (other) throw invalidOption(spelling, value, `given once, and ${other.spelling} is the same option`);
      given.set(name, { spelling, value });
    } else {
      const warning = foreignOption(spelling, value);
      if (warning !== undefined) warnings.push(warning);
    }
  }
  return { given, annotations, warnings };
}

/** What is to be said of an option that is not ours. @returns a warning, or nothing if it is switched off anyway */
function foreignOption(option: string, value: unknown): string | undefined {
  const unsupported = Object.hasOwn(UNSUPPORTED, option) ? UNSUPPORTED[option] : undefined;
  const withoutEffect = Object.hasOwn(WITHOUT_EFFECT, option) ? WITHOUT_EFFECT[option] : undefined;
  if (unsupported === undefined && withoutEffect === undefined) {
    return `Option ${JSON.stringify(option)} is unknown and has no effect`;
  }
  if (!booleanValue(option, value, true)) return undefined;
  if (unsupported !== undefined) throw new SlipwayError("UNSUPPORTED", `Cannot use option ${option}: ${unsupported}`);
  return `Option ${option} has no effect: ${withoutEffect}`;
}

function annotationsOf(value: unknown): Annotation[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidOption("annotations", value, "an object of annotation.KEY and values");
  }
  return Object.entries<unknown>({ ...value })
    .filter(([, text]) => text !== undefined)
    .map(([key, text]) => ({ ...parseAnnotationKey(key), value: stringValue(key, text) }));
}

function compressionOf(option: string, value: unknown): LayerCompression {
  if (value === undefined) return "gzip";
  if (value === "gzip" || value === "uncompressed") return value;
  if (value === "zstd" || value === "estargz") {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot use option ${option}="${value}": layers can be written as gzip or uncompressed`,
    );
  }
  throw invalidOption(option, value, "gzip or uncompressed");
}

function engineOf(option: string, value: unknown): GzipEngine | undefined {
  if (value === undefined) return undefined;
  const known = GZIP_ENGINES.find((engine) => engine === value);
  if (known === undefined) throw invalidOption(option, value, GZIP_ENGINES.join(" or "));
  return known;
}

/** An empty string means "no epoch", as for BuildKit. */
function epochOf(option: string, value: unknown): number | undefined {
  if (value === undefined || value === "") return undefined;
  return integerValue(option, value, EARLIEST, LATEST, "whole seconds since 1970,");
}

function prefixOf(option: string, value: unknown): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/.test(value)) return value;
  throw invalidOption(option, value, "a name without a digest");
}

function functionOf<F>(option: string, value: unknown): F | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "function") return value as F;
  throw invalidOption(option, value, "a function");
}
