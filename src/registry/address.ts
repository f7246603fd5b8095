import { SlipwayError } from "../errors.ts";
import { type HostReach, hostReach } from "./private-host.ts";

/** Where a registry lies, and where its requests may go. */
export interface RegistryAddress {
  /** Ends with `/`; `v2/` comes behind it. */
  readonly base: URL;
  /** The address that a request names: a path of the API, or what the registry named. */
  locate(url: string): URL;
  /**
   * An address that an answer from `from` names, perhaps relative. The registry's own host is meant with the registry's own scheme.
   * @param from default: only absolute addresses are ones
   */
  follow(location: string, from: URL | undefined, doing: string): URL;
  /** Whether it is the registry itself, which may be told the credentials. */
  isOwn(url: URL): boolean;
  /** @throws SlipwayError `PERMISSION_DENIED` if no request may go there */
  check(url: URL, doing: string): void;
}

/** How a registry is to be reached. */
export interface AddressOptions {
  /** Whether plain http is allowed although it is not on loopback. */
  readonly insecure: boolean;
  readonly relay?: string | undefined;
}

/** Docker Hub's registry is not where its name says. */
const HOSTS: Readonly<Record<string, string>> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io",
};

/**
 * Where a registry may be found, in the order to try: by http on loopback (but for port 443), otherwise by https; an insecure one by
 * http if nothing answers by https, as Docker does. With a relay, only there.
 */
export function registryBases(registry: string, { insecure, relay }: AddressOptions): readonly URL[] {
  if (relay !== undefined) return [relayBase(registry, relay, insecure)];
  const secure = registryUrl("https", registry);
  const plain = registryUrl("http", registry);
  if (hostReach(secure.hostname) === "loopback")
    return secure.port === "" && /:443$/.test(registry) ? [secure] : [plain];
  return insecure ? [secure, plain] : [secure];
}

function registryUrl(scheme: string, registry: string): URL {
  const host = HOSTS[registry] ?? registry;
  // Nothing but a host and a port: no path, user or query gets in with the name.
  const url = /^[^\s/\\?#@]+$/.test(host) ? parseUrl(`${scheme}://${host}/`) : undefined;
  if (url === undefined) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot talk to the registry ${JSON.stringify(registry)}: that is no host, nor host:port`,
    );
  }
  return url;
}

function relayBase(registry: string, relay: string, insecure: boolean): URL {
  registryUrl("https", registry);
  const { location, origin } = globalThis as {
    readonly location?: { readonly href: string };
    readonly origin?: string;
  };
  const prefix = relay.endsWith("/") ? relay : `${relay}/`;
  // A worker that was made from a Blob has an address that nothing is relative to, but its page's origin.
  const base = parseUrl(prefix, location?.href) ?? parseUrl(prefix, origin);
  const refuse = (reason: string): never => {
    throw new SlipwayError("INVALID_OPTION", `Cannot use the relay ${JSON.stringify(relay)}: ${reason}`);
  };
  if (base === undefined)
    return refuse("that is no absolute address, and there is no page that it could be relative to");
  if (base.protocol !== "https:" && base.protocol !== "http:") return refuse("relays are reached by https");
  if (base.username !== "" || base.password !== "") return refuse("credentials do not belong into addresses");
  if (base.search !== "" || base.hash !== "")
    return refuse("an address with a query or fragment cannot be gone on with");
  if (base.protocol === "http:" && hostReach(base.hostname) !== "loopback" && !insecure) {
    return refuse("plain http is only for loopback; use https, or name the registry among the insecure ones");
  }
  return new URL(`${base.href}${registry}/`);
}

/** Which hosts a registry may lead to: no nearer ones than it is itself, and of one's own network never the link. */
const LEADS_TO: Readonly<Record<HostReach, readonly HostReach[]>> = {
  public: ["public"],
  private: ["public", "private"],
  "link-local": ["public", "private", "link-local"],
  loopback: ["public", "private", "loopback"],
};

/** The registry at `base`. */
export function registryAddress(registry: string, base: URL, { insecure }: AddressOptions): RegistryAddress {
  const reach = hostReach(base.hostname);
  const leadsTo = LEADS_TO[insecure && reach === "public" ? "private" : reach];
  const isOwn = (url: URL): boolean => url.origin === base.origin && url.pathname.startsWith(base.pathname);
  return {
    base,
    isOwn,
    locate(url) {
      const located = parseUrl(url.startsWith("/v2/") ? `${base.href.slice(0, -1)}${url}` : url, base.href);
      if (located === undefined) {
        throw new SlipwayError(
          "INVALID_ARGUMENT",
          `Cannot send a request to ${JSON.stringify(url)}: that is no address`,
        );
      }
      return located;
    },
    follow(location, from, doing) {
      const url = parseUrl(location, from?.href);
      if (url === undefined) {
        throw new SlipwayError(
          "INVALID_RESPONSE",
          `Cannot ${doing}: ${(from ?? base).host} names an address that is none: ${JSON.stringify(location.slice(0, 200))}`,
        );
      }
      // Behind a proxy that ends TLS, registries name themselves by http (which Docker and containerd refuse to follow).
      const itself = url.hostname === base.hostname && (url.port === "" || url.port === base.port);
      if (itself && url.protocol === "http:" && base.protocol === "https:") {
        url.protocol = "https:";
        url.port = base.port;
      }
      return url;
    },
    check(url, doing) {
      const refuse = (reason: string): never => {
        throw new SlipwayError("PERMISSION_DENIED", `Cannot ${doing}: ${registry} leads to ${url.origin}, ${reason}`);
      };
      if (url.protocol !== "https:" && url.protocol !== "http:") {
        throw new SlipwayError("PERMISSION_DENIED", `Cannot ${doing}: ${registry} leads to ${url.protocol}, not https`);
      }
      if (url.username !== "" || url.password !== "") refuse("with credentials in the address");
      if (isOwn(url)) return;
      const target = hostReach(url.hostname);
      if (!leadsTo.includes(target)) {
        refuse(`a ${target} address; where that is meant, name the registry among the insecure ones`);
      }
      if (url.protocol === "http:" && target !== "loopback" && !insecure) {
        refuse("by plain http; where that is meant, name the registry among the insecure ones");
      }
    },
  };
}

function parseUrl(url: string, base?: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
