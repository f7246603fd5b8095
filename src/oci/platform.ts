import { SlipwayError } from "../errors.ts";
import type { JsonMap } from "./json/value.ts";

/** Where an image runs, in Go's words: `linux`, `amd64`. image-spec `image-index.md`. */
export interface Platform {
  /** CPU in Go's words (`GOARCH`): `amd64`, `arm64`, `386`. */
  readonly architecture: string;
  /** Operating system in Go's words (`GOOS`): `linux`, `windows`. */
  readonly os: string;
  /** Generation of the CPU: `v7` of `arm`, `v3` of `amd64`. */
  readonly variant?: string;
  /** Version that the image needs, for Windows: `10.0.17763.1`. */
  readonly "os.version"?: string;
  /** What the system must have, for Windows: `win32k`. */
  readonly "os.features"?: readonly string[];
  /** Fields that image-spec does not define, kept for when the platform is written again. */
  readonly unknownFields?: JsonMap;
}

const COMPONENT = /^[A-Za-z0-9_.-]+$/;
const OS_COMPONENT = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;

/** What Go knows (`go/build`), to tell an operating system from an architecture. */
const KNOWN_OS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 " +
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

/**
 * Reads `os/architecture[/variant]` as containerd does and normalises it: `linux/x86_64` is `linux/amd64`. The operating system
 * may carry a version and features: `windows(10.0.17763+win32k)/amd64`.
 * @param host completes `linux` or `arm64` alone; without it both parts are needed
 * @throws SlipwayError `INVALID_PLATFORM`
 */
export function parsePlatform(text: string, host?: Platform): Platform {
  const refuse = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_PLATFORM", `Cannot use platform ${JSON.stringify(text.slice(0, 200))}: ${reason}`);
  const [first = "", architecture, variant = "", ...rest] = text.split("/");
  if (rest.length > 0) throw refuse("it has more parts than os/architecture/variant");
  const match = OS_COMPONENT.exec(first);
  if (match === null) throw refuse(`${JSON.stringify(first)} is no operating system`);
  for (const part of text.split("/").slice(1)) {
    if (!COMPONENT.test(part)) throw refuse(`${JSON.stringify(part)} may only have letters, digits, "_", "." and "-"`);
  }
  const [, name = "", version = "", features = ""] = match;
  const details = osDetails(version, features, refuse);

  if (architecture === undefined) {
    const [os, arch] = [normaliseOs(name), normaliseArchitecture(first, "")];
    if (host === undefined) throw refuse("write os/architecture, for example linux/amd64");
    if (KNOWN_OS.has(os)) {
      const { architecture, variant } = normalisePlatform(host);
      return { architecture, os, ...optionalVariant(architecture, variant ?? ""), ...details };
    }
    if (!KNOWN_ARCHITECTURES.has(arch.architecture)) throw refuse("it is no operating system and no architecture");
    return { architecture: arch.architecture, os: host.os, ...optionalVariant(arch.architecture, arch.variant) };
  }
  const normalised = normaliseArchitecture(architecture, variant);
  if (variant === "") {
    return {
      architecture: normalised.architecture,
      os: normaliseOs(name),
      ...optionalVariant(normalised.architecture, normalised.variant),
      ...details,
    };
  }
  // A variant that was asked for by name is kept, even the usual one.
  const kept = normalised.architecture === "arm64" && normalised.variant === "" ? "v8" : normalised.variant;
  return {
    architecture: normalised.architecture,
    os: normaliseOs(name),
    ...(kept === "" ? {} : { variant: kept }),
    ...details,
  };
}

/** The platform as `os/architecture[/variant]`, with version and features of the operating system in parentheses if it has them. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant = "", "os.version": version = "", "os.features": features = [] } = platform;
  const suffix = [...new Set(features)]
    .filter((feature) => feature !== "")
    .sort()
    .map((feature) => `+${encodeOption(feature)}`);
  const details = encodeOption(version) + suffix.join("");
  const system = details === "" ? os : `${os}(${details})`;
  return [system === "" ? "unknown" : system, architecture, variant].filter((part) => part !== "").join("/");
}

/**
 * The canonical form of a platform, as containerd has it: lower case, `x86_64` → `amd64`, `aarch64` → `arm64`, `armhf` → `arm/v7`,
 * `armel` → `arm/v6`, `i386` → `386`, `macos` → `darwin`; `arm` alone is v7, and the usual `arm64/v8` and `amd64/v1` are written without
 * variant. Features are sorted.
 */
export function normalisePlatform(platform: Platform): Platform {
  const { architecture, variant } = normaliseArchitecture(platform.architecture, platform.variant ?? "");
  const { variant: _, "os.features": features, ...rest } = platform;
  return {
    ...rest,
    architecture,
    os: normaliseOs(platform.os),
    ...(variant === "" ? {} : { variant }),
    ...(features === undefined || features.length === 0 ? {} : { "os.features": [...new Set(features)].sort() }),
  };
}

function normaliseOs(os: string): string {
  const name = os.toLowerCase();
  return name === "macos" ? "darwin" : name;
}

function normaliseArchitecture(given: string, givenVariant: string): { architecture: string; variant: string } {
  const architecture = given.toLowerCase();
  const variant = givenVariant.toLowerCase();
  switch (architecture) {
    case "i386":
      return { architecture: "386", variant: "" };
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", variant: variant === "v1" ? "" : variant };
    case "aarch64":
    case "arm64":
      if (["8", "v8", "v8.0"].includes(variant)) return { architecture: "arm64", variant: "" };
      if (["9", "9.0", "v9.0"].includes(variant)) return { architecture: "arm64", variant: "v9" };
      return { architecture: "arm64", variant };
    case "armhf":
      return { architecture: "arm", variant: "v7" };
    case "armel":
      return { architecture: "arm", variant: "v6" };
    case "arm":
      if (variant === "") return { architecture, variant: "v7" };
      return { architecture, variant: /^[5678]$/.test(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** The variant where it was not asked for: the usual `arm/v7` goes without saying. */
function optionalVariant(architecture: string, variant: string): { variant?: string } {
  return variant === "" || (architecture === "arm" && variant === "v7") ? {} : { variant };
}

/** `(VERSION+FEATURE+FEATURE)` behind an operating system. */
function osDetails(
  version: string,
  features: string,
  refuse: (reason: string) => SlipwayError,
): Pick<Platform, "os.version" | "os.features"> {
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw refuse(`${JSON.stringify(text)} has a wrong % escape`);
    }
  };
  const names = features.split("+").slice(1).map(decode);
  return {
    ...(version === "" ? {} : { "os.version": decode(version) }),
    ...(names.length === 0 ? {} : { "os.features": names }),
  };
}

/** What would be taken for the syntax around it. */
function encodeOption(text: string): string {
  return text.replace(/[%+()/]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
