import { normalisePlatform, type Platform } from "../oci/platform.ts";

/** Node's names that are not Go's. What is not here is the same in both, or not known to Go. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  mipsel: "mipsle",
};
const SYSTEMS: Readonly<Record<string, string>> = { win32: "windows", sunos: "solaris" };

/** What {@link hostPlatform} looks at; in `process` unless given. */
export interface HostProcess {
  /** `process.platform` */
  readonly platform: string;
  /** `process.arch` */
  readonly arch: string;
  /** `process.config` */
  readonly config?: { readonly variables?: Readonly<Record<string, unknown>> } | undefined;
}

/**
 * The platform of this machine, normalised, as Node, Deno and Bun tell it: `linux/amd64`, `linux/arm64`, `linux/arm/v7`. On 32-bit arm
 * the variant is the one that the runtime was built for, which the machine may surpass.
 */
export function hostPlatform(host: HostProcess = process): Platform {
  const architecture = ARCHITECTURES[host.arch] ?? ppcOrSame(host.arch);
  const armVersion = architecture === "arm" ? host.config?.variables?.arm_version : undefined;
  return normalisePlatform({
    architecture,
    os: SYSTEMS[host.platform] ?? host.platform,
    ...(armVersion === undefined ? {} : { variant: `v${armVersion}` }),
  });
}

/** Node says ppc64 for the little-endian one, the only one that current Linux distributions have. */
function ppcOrSame(arch: string): string {
  if (arch !== "ppc64") return arch;
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? "ppc64le" : "ppc64";
}
