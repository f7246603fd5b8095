import { hostPlatform } from "../node/index.ts";
import { normalisePlatform, type Platform } from "../oci/index.ts";

/** What runs images on this machine: Linux, for on other systems it is a virtual machine of the same architecture. */
export function linuxPlatform(): Platform {
  const { architecture, variant } = normalisePlatform(hostPlatform());
  return { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) };
}
