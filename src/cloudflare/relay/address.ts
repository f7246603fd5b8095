import { hostReach } from "../../registry/private-host.ts";

/** Ends of names that only mean something within somebody's own network (RFC 6761, 6762, 8375). */
const PRIVATE_SUFFIXES = [
  "alt",
  "corp",
  "example",
  "home",
  "home.arpa",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "onion",
  "private",
  "test",
];

/** Addresses of IPv6 that are in the range for everybody and yet for nobody: protocols of IETF, 6to4, documentation. */
const NOT_FOR_ANYBODY = /^\[(?:2001:(?:[0-9a-f]{1,2}|1[0-9a-f]{2}|db8)?:|2002:|3fff:0?[0-9a-f]{0,3}:)/;

/**
 * Why a host is no public one, or undefined if it may be. Stricter than what a client follows, as it acts for anybody. It is judged
 * by what is written: what a name resolves to is not known here.
 * @param hostname as `URL` gives it, which has turned every form of an IPv4 address (decimal, hex, octal) into the common one
 */
export function privateHostProblem(hostname: string): string | undefined {
  const host = hostname.replace(/\.$/, "").toLowerCase();
  const reach = hostReach(host);
  if (reach !== "public") return `it is a ${reach} address`;
  if (host.startsWith("[")) return NOT_FOR_ANYBODY.test(host) ? "it is no public IPv6 address" : undefined;
  if (!host.includes(".")) return "a name without a dot is a host of some private network";
  const suffix = PRIVATE_SUFFIXES.find((end) => host.endsWith(`.${end}`));
  return suffix === undefined ? undefined : `names under .${suffix} belong to private networks`;
}

/** Whether a host is this very machine. @param hostname as `URL` gives it */
export function isLoopback(hostname: string): boolean {
  return hostname !== "0.0.0.0" && hostReach(hostname) === "loopback";
}
