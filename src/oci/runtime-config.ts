import {
  boolean,
  type Codec,
  checked,
  integer,
  list,
  object,
  omitempty,
  present,
  record,
  string,
} from "./json/codec.ts";
import { isJsonMap, type JsonMap, type JsonValue, jsonTypeOf } from "./json/value.ts";

/** A member of a set: in JSON a set is an object whose values are `{}`. */
export type SetMember = Readonly<Record<string, never>>;

/** How containers of an image are started: `config` of an image config, with Docker's own fields. image-spec `config.md`. */
export interface RuntimeConfig {
  /** `NAME`, `UID`, `NAME:GROUP` or `UID:GID`. Absent: root. */
  readonly User?: string;
  /** `80/tcp`, `53/udp`, `80`. */
  readonly ExposedPorts?: Readonly<Record<string, SetMember>>;
  /** `NAME=value`. */
  readonly Env?: readonly string[];
  /** Program and its first arguments; those of `Cmd` follow. */
  readonly Entrypoint?: readonly string[];
  /** Default arguments of the entrypoint, or a whole command where there is none. */
  readonly Cmd?: readonly string[];
  /** Absolute paths of directories that hold data of their own for each container. */
  readonly Volumes?: Readonly<Record<string, SetMember>>;
  /** Absolute path that the process starts in. */
  readonly WorkingDir?: string;
  /** Free text about the image, which its containers have too. */
  readonly Labels?: Readonly<Record<string, string>>;
  /** `SIGTERM`, `SIGRTMIN+3`, or a number: what asks the process to end. */
  readonly StopSignal?: string;
  /** Deprecated by the format; Docker for Windows sets it. */
  readonly ArgsEscaped?: boolean;
  /** Docker's. */
  readonly Healthcheck?: Healthcheck;
  /** Docker's: instructions for builds on top of this image. */
  readonly OnBuild?: readonly string[];
  /** Docker's: what the shell form of instructions runs in. */
  readonly Shell?: readonly string[];
  /** Fields that neither defines, kept for when the config is written again. */
  readonly unknownFields?: JsonMap;
}

/** Docker's health check. Times in nanoseconds; what is 0 or absent is inherited. */
export interface Healthcheck {
  /** `["CMD", …]`, `["CMD-SHELL", "…"]` or `["NONE"]`. */
  readonly Test?: readonly string[];
  /** Nanoseconds from the end of one check to the next. */
  readonly Interval?: number;
  /** Nanoseconds after which a check counts as failed. */
  readonly Timeout?: number;
  /** Nanoseconds from the start in which failed checks do not count. */
  readonly StartPeriod?: number;
  /** Nanoseconds from one check to the next within the start period. */
  readonly StartInterval?: number;
  /** Failed checks in a row that make a container unhealthy. */
  readonly Retries?: number;
  /** Fields that this format does not define, kept for when the config is written again. */
  readonly unknownFields?: JsonMap;
}

const setMemberCodec: Codec<SetMember> = {
  read(value, at) {
    // Go reads null and members that it does not know into an empty struct, too.
    if (value === null || isJsonMap(value)) return {};
    throw at.error(`must be an object, not ${jsonTypeOf(value)}`);
  },
  write: (): JsonValue => new Map(),
  isEmpty: () => false,
};

const keyed = <T>(codec: Codec<T>): Codec<Readonly<Record<string, T>>> =>
  checked(record(codec), (entries, at) => {
    if (Object.hasOwn(entries, "")) throw at.error("has an empty key");
    return entries;
  });

const healthcheckCodec: Codec<Healthcheck> = object<Healthcheck>({
  Test: omitempty(list(string)),
  Interval: omitempty(integer),
  Timeout: omitempty(integer),
  StartPeriod: omitempty(integer),
  StartInterval: omitempty(integer),
  Retries: omitempty(integer),
});

/** The `config` of an image config. */
export const runtimeConfigCodec: Codec<RuntimeConfig> = object<RuntimeConfig>({
  User: omitempty(string),
  ExposedPorts: omitempty(keyed(setMemberCodec)),
  Env: omitempty(list(string)),
  Entrypoint: omitempty(list(string)),
  Cmd: omitempty(list(string)),
  Volumes: omitempty(keyed(setMemberCodec)),
  WorkingDir: omitempty(string),
  Labels: omitempty(record(string)),
  StopSignal: omitempty(string),
  ArgsEscaped: omitempty(boolean),
  Healthcheck: present(healthcheckCodec),
  OnBuild: omitempty(list(string)),
  Shell: omitempty(list(string)),
});
