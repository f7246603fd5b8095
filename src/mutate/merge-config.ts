import { bytesEqual } from "../bytes.ts";
import { type ImageConfig, type RuntimeConfig, serialiseImageConfig } from "../oci/config.ts";
import { printJson } from "../oci/json/print.ts";
import type { JsonMap, JsonValue } from "../oci/json/value.ts";

/** What an image inherited, what it is, and what it is to inherit now. */
interface Versions<T> {
  readonly old: T | undefined;
  readonly image: T | undefined;
  readonly next: T | undefined;
}

/**
 * The config of an image on a new base, as building it anew would make it: what the image has just as its old base had it comes from
 * the new base, and what it has by itself stays. Variables, labels, ports and volumes are looked at one by one. Platform fields are
 * the new base's. Layers and history are left to the caller.
 */
export function mergeConfig(old: ImageConfig, image: ImageConfig, next: ImageConfig): ImageConfig {
  const {
    architecture: _architecture,
    os: _os,
    "os.version": _version,
    "os.features": _features,
    variant: _variant,
    author: _author,
    config: _config,
    unknownFields: _unknownFields,
    ...fields
  } = image;
  const { architecture, os, "os.version": version, "os.features": features, variant } = next;
  const author = whole({ old: old.author, image: image.author, next: next.author }, sameText);
  const config = mergeRuntime({ old: old.config, image: image.config, next: next.config });
  const unknownFields = mergeUnknown({
    old: old.unknownFields,
    image: image.unknownFields,
    next: next.unknownFields,
  });
  return {
    ...fields,
    architecture,
    os,
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
    ...(variant === undefined ? {} : { variant }),
    ...(author === undefined ? {} : { author }),
    ...(config === undefined ? {} : { config }),
    ...(unknownFields === undefined ? {} : { unknownFields }),
  };
}

type Draft = { -readonly [Key in keyof RuntimeConfig]?: RuntimeConfig[Key] | undefined };

function mergeRuntime({ old = {}, image, next = {} }: Versions<RuntimeConfig>): RuntimeConfig | undefined {
  const own = image ?? {};
  const of = <Key extends keyof RuntimeConfig>(key: Key): Versions<NonNullable<RuntimeConfig[Key]>> => ({
    old: old[key] ?? undefined,
    image: own[key] ?? undefined,
    next: next[key] ?? undefined,
  });
  const one = <Key extends keyof RuntimeConfig>(key: Key): RuntimeConfig[Key] | undefined =>
    whole(of(key), (a, b) => sameField(key, a, b));
  const entrypoint = one("Entrypoint");
  // Who sets an entrypoint drops the base's arguments, whatever they are.
  const setsEntrypoint = !sameField("Entrypoint", own.Entrypoint, old.Entrypoint);
  const merged: Draft = {
    User: one("User"),
    ExposedPorts: record(of("ExposedPorts")),
    Env: environment(of("Env")),
    Entrypoint: entrypoint,
    Cmd: setsEntrypoint ? own.Cmd : one("Cmd"),
    Volumes: record(of("Volumes")),
    WorkingDir: one("WorkingDir"),
    Labels: record(of("Labels")),
    StopSignal: one("StopSignal"),
    ArgsEscaped: one("ArgsEscaped"),
    Healthcheck: one("Healthcheck"),
    OnBuild: one("OnBuild"),
    Shell: one("Shell"),
    unknownFields: mergeUnknown({
      old: old.unknownFields,
      image: own.unknownFields,
      next: next.unknownFields,
    }),
  };
  const present = Object.entries(merged).filter(([, value]) => value !== undefined);
  if (image === undefined && present.length === 0) return undefined;
  return Object.fromEntries(present);
}

/** A value as a whole: the image's own if it is another than the old base's, or else the new base's. */
function whole<T>(
  { old, image, next }: Versions<T>,
  same: (a: T | undefined, b: T | undefined) => boolean,
): T | undefined {
  return same(image, old) && !same(old, next) ? next : image;
}

const sameText = (a: string | undefined, b: string | undefined): boolean => a === b;

/** Whether two values of a field are written alike: absent and empty are the same. */
function sameField<Key extends keyof RuntimeConfig>(
  key: Key,
  a: RuntimeConfig[Key] | undefined,
  b: RuntimeConfig[Key] | undefined,
): boolean {
  return bytesEqual(written({ [key]: a }), written({ [key]: b }));
}

function written(config: Draft): Uint8Array {
  const present = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return serialiseImageConfig({
    architecture: "any",
    os: "any",
    rootfs: { type: "layers", diff_ids: [] },
    config: present,
  });
}

/** Key by key, in the new base's order and then the image's. */
function mergeKeys<T>(
  { old, image, next }: { readonly [Version in keyof Versions<T>]: ReadonlyMap<string, T> },
  same: (a: T | undefined, b: T | undefined) => boolean,
): ReadonlyMap<string, T> {
  const merged = new Map<string, T>();
  for (const key of new Set([...next.keys(), ...image.keys()])) {
    const value = whole({ old: old.get(key), image: image.get(key), next: next.get(key) }, same);
    if (value !== undefined) merged.set(key, value);
  }
  return merged;
}

function record<T extends string | Readonly<Record<string, never>>>(
  versions: Versions<Readonly<Record<string, T>>>,
): Readonly<Record<string, T>> | undefined {
  const { old, image, next } = versions;
  const asMap = (of: Readonly<Record<string, T>> | undefined): ReadonlyMap<string, T> =>
    new Map(Object.entries(of ?? {}));
  const same = (a: T | undefined, b: T | undefined): boolean =>
    a === b || (typeof a === "object" && typeof b === "object");
  const merged = mergeKeys({ old: asMap(old), image: asMap(image), next: asMap(next) }, same);
  return merged.size === 0 ? undefined : Object.fromEntries(merged);
}

/** `NAME=value` by name; the whole text is kept, and of a name that is there twice, the last. */
function environment({ old, image, next }: Versions<readonly string[]>): readonly string[] | undefined {
  // The order, and what is there twice, are the image's own.
  if (sameField("Env", old, next)) return image;
  const byName = (variables: readonly string[] = []): ReadonlyMap<string, string> =>
    new Map(variables.map((variable) => [variable.split("=", 1)[0] ?? variable, variable]));
  const merged = [...mergeKeys({ old: byName(old), image: byName(image), next: byName(next) }, sameText).values()];
  return merged.length === 0 ? undefined : merged;
}

function mergeUnknown({ old, image, next }: Versions<JsonMap>): JsonMap | undefined {
  const none: JsonMap = new Map();
  const merged = mergeKeys<JsonValue>({ old: old ?? none, image: image ?? none, next: next ?? none }, sameJson);
  return merged.size === 0 ? undefined : merged;
}

const sameJson = (a: JsonValue | undefined, b: JsonValue | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && bytesEqual(printed(a), printed(b)));

const printed = (value: JsonValue): Uint8Array => printJson(value, "");
