/** Networks of IPv4 that are not part of the public internet (IANA's special-purpose registry), as first address and prefix length. */
const SPECIAL_IPV4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Ends of names that only mean something within somebody's own network (RFC 6761, 6762, 8375; ICANN's `.internal`). */
const PRIVATE_SUFFIXES = [
  "alt",
  "corp",
  "example",
  "home",
  "home.arpa",
  "internal",
  "intranet",
  "invalid",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "onion",
  "private",
  "test",
];

/**
 * Why a host is no public one, or undefined if it may be. It is judged by what is written: what a name resolves to is not known here.
 * @param hostname as `URL` gives it, which has turned every form of an IPv4 address (decimal, hex, octal) into the common one
 */
export function privateHostProblem(hostname: string): string | undefined {
  const host = hostname.replace(/\.$/, "").toLowerCase();
  if (host.startsWith("[")) {
    return isGlobalIPv6(host.slice(1, -1)) ? undefined : "it is no public IPv6 address";
  }
  if (/^[\d.]+$/.test(host)) return isGlobalIPv4(host) ? undefined : "it is no public IPv4 address";
  if (!host.includes(".")) return "a name without a dot is a host of some private network";
  const suffix = PRIVATE_SUFFIXES.find((end) => host.endsWith(`.${end}`));
  return suffix === undefined ? undefined : `names under .${suffix} belong to private networks`;
}

/** Whether a host is this very machine. @param hostname as `URL` gives it */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

function isGlobalIPv4(host: string): boolean {
  const address = ipv4Number(host);
  if (address === undefined) return false;
  return !SPECIAL_IPV4.some(([first, length]) => {
    const size = 2 ** (32 - length);
    return Math.floor(address / size) === Math.floor((ipv4Number(first) ?? 0) / size);
  });
}

function ipv4Number(host: string): number | undefined {
  const parts = host.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part <= 255))) return undefined;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

/** Only global unicast (2000::/3), and of that neither Teredo and other assignments for protocols, nor 6to4, nor documentation. */
function isGlobalIPv6(host: string): boolean {
  const [first = 0, second = 0] = host.split(":").map((group) => Number.parseInt(group === "" ? "0" : group, 16));
  if (first < 0x2000 || first > 0x3fff) return false;
  if (first === 0x2002 || (first === 0x3fff && second < 0x1000)) return false;
  return !(first === 0x2001 && (second < 0x200 || second === 0xdb8));
}
