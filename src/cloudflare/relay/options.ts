import { SlipwayError } from "../../errors.ts";
import { parseReference } from "../../oci/reference.ts";
import type { RegistryTimers } from "../../registry/registry.ts";
import type { RelayAction } from "./route.ts";

/** What a relay may do, and for whom. */
export interface RegistryRelayOptions {
  /** The registries that may be talked to, exactly as in references: `docker.io`, `ghcr.io`, `registry.example.com:5000`. */
  readonly registries: readonly string[];
  /** Path under which the relay lies, default `/registry/`. A client is given the address with it: `https://example.com/registry/`. */
  readonly prefix?: string | undefined;
  /** What may be done at those registries, as far as they themselves let a user. Default only `pull`. */
  readonly actions?: readonly RelayAction[] | undefined;
  /** Repositories that may be talked of, for example `library/alpine`. Default all. */
  readonly repositories?: ((repository: string, registry: string) => boolean) | undefined;
  /** Origins whose pages may use the relay, besides its own; `"*"` stands for all. Default none. */
  readonly origins?: readonly string[] | "*" | undefined;
  /**
   * Whether callers that name no origin may use the relay, as programs do that are no pages: all of them, or those for which a function
   * says so, by a token of yours in a header. `Authorization` is the registry's. Pages of the relay's own origin need none where the
   * browser says that they are (`Sec-Fetch-Site`). Default false.
   */
  readonly allowNoOrigin?: boolean | ((request: Request) => boolean | Promise<boolean>) | undefined;
  /** Bytes that a request's body may have, default 10 GiB. */
  readonly requestLimit?: number | undefined;
  /** Bytes that an answer's body may have, default 10 GiB. */
  readonly responseLimit?: number | undefined;
  /** Milliseconds that a registry has to begin an answer once it has the whole request, default 60,000. */
  readonly timeout?: number | undefined;
  /**
   * Hosts, with their port if it is not that of https, that registries may redirect reading of blobs to, or have their token service at,
   * although they are no public ones. Public hosts always may be, by https and on its own port. Default none.
   */
  readonly redirectHosts?: readonly string[] | undefined;
  /** Whether registries on loopback are talked to by plain http; for development. Default false. */
  readonly insecure?: boolean | undefined;
  /** Default: the global one. It must give redirects as they are for `redirect: "manual"`, which pages do not. */
  readonly fetch?: typeof fetch | undefined;
  /** Clock and waiting; default the host's. */
  readonly timers?: RegistryTimers | undefined;
}

export function checkedRegistry(registry: string): string {
  const lower = registry.toLowerCase();
  try {
    if (parseReference(`${lower}/name`).domain === lower && new URL(`https://${lower}`).pathname === "/") return lower;
  } catch {
    // Told below.
  }
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot relay to ${JSON.stringify(registry)}: name a registry as in references, HOST[:PORT]`,
  );
}

export function checkedPrefix(prefix: string): string {
  const slashed = prefix.endsWith("/") ? prefix : `${prefix}/`;
  if (/^\/(?:[\w~-][\w.~-]*\/)*$/.test(slashed)) return slashed;
  throw new SlipwayError("INVALID_ARGUMENT", `Cannot put a relay under ${JSON.stringify(prefix)}: it is no plain path`);
}

export function checkedNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SlipwayError(
    "INVALID_ARGUMENT",
    `Cannot make a relay: ${name} is ${value}, which is no positive whole number`,
  );
}
