/**
 * How far a host can be reached from: everybody's internet, somebody's own network, one link (where clouds keep the credentials of
 * their machines), or this machine.
 */
export type HostReach = "public" | "private" | "link-local" | "loopback";

/** IPv4 that is not the public internet (IANA's special-purpose registry): first address, prefix length. */
const SPECIAL_IPV4: readonly (readonly [address: string, length: number, reach: HostReach])[] = [
  ["0.0.0.0", 8, "loopback"],
  ["127.0.0.0", 8, "loopback"],
  ["169.254.0.0", 16, "link-local"],
  ["10.0.0.0", 8, "private"],
  ["100.64.0.0", 10, "private"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "private"],
  ["192.168.0.0", 16, "private"],
  ["198.18.0.0", 15, "private"],
  ["224.0.0.0", 3, "private"],
];

/**
 * Judges a host by what is written; what a name resolves to cannot be known through `fetch`.
 * @param hostname as `URL` gives it, which has turned every form of an address (decimal, hex, octal) into the common one
 */
export function hostReach(hostname: string): HostReach {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host.startsWith("[")) return reachOfIPv6(host.slice(1, -1));
  if (/^\d+(?:\.\d+){3}$/.test(host)) return reachOfIPv4(ipv4Number(host));
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  // Google's `metadata.google.internal` is one of these.
  return host.endsWith(".internal") ? "link-local" : "public";
}

const ipv4Number = (address: string): number => address.split(".").reduce((number, part) => number * 256 + +part, 0);

function reachOfIPv4(address: number): HostReach {
  for (const [first, length, reach] of SPECIAL_IPV4) {
    const size = 2 ** (32 - length);
    if (Math.floor(address / size) === Math.floor(ipv4Number(first) / size)) return reach;
  }
  return "public";
}

function reachOfIPv6(address: string): HostReach {
  const groups = ipv6Groups(address);
  const [first = 0, second = 0, third = 0] = groups;
  const [high = 0, low = 0] = groups.slice(6);
  const starts = (...prefix: number[]): boolean => prefix.every((group, at) => groups[at] === group);
  // Addresses that stand for one of IPv4: mapped and compatible ones, NAT64, 6to4.
  if (starts(0, 0, 0, 0, 0, 0)) {
    return high === 0 && low <= 1 ? "loopback" : reachOfIPv4(high * 65536 + low);
  }
  if (starts(0, 0, 0, 0, 0, 0xffff) || starts(0, 0, 0, 0, 0xffff, 0) || starts(0x64, 0xff9b, 0, 0, 0, 0)) {
    return reachOfIPv4(high * 65536 + low);
  }
  if (first === 0x2002) return reachOfIPv4(second * 65536 + third);
  if ((first & 0xffc0) === 0xfe80) return "link-local";
  // Also fd00:ec2::254, Amazon's metadata: unique local addresses are somebody's own network.
  return first >= 0x2000 && first <= 0x3fff ? "public" : "private";
}

/** The eight groups of an address as `URL` writes it. */
function ipv6Groups(address: string): readonly number[] {
  const [before = "", after] = address.split("::");
  const numbers = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const head = numbers(before);
  if (after === undefined) return head;
  const tail = numbers(after);
  return [...head, ...new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail];
}
