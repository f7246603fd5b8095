import type { RegistryTimers } from "../../registry/registry.ts";
import { isLoopback } from "./address.ts";
import { bearerRealm } from "./challenge.ts";
import { denied } from "./relay-error.ts";
import { parseApiPath } from "./route.ts";
import { parseUrl, type Upstream } from "./upstream.ts";

/** Milliseconds for which it is remembered what a registry said. */
const MEMORY = 300_000;
/** Token services that are remembered of one registry. */
const SERVICE_LIMIT = 8;

/**
 * Which token services a registry has: those that it names itself. A relay keeps nothing between two requests that it could rely on,
 * so it asks the registry again, without credentials, whenever it has forgotten.
 */
export class TokenServices {
  readonly #upstream: Upstream;
  readonly #timers: RegistryTimers;
  readonly #known = new Map<string, Map<string, number>>();

  constructor(upstream: Upstream, timers: RegistryTimers) {
    this.#upstream = upstream;
    this.#timers = timers;
  }

  /** The registry itself has just named it. */
  learn(registry: string, realm: string): void {
    const realms = this.#known.get(registry) ?? new Map<string, number>();
    this.#known.set(registry, realms);
    realms.delete(realm);
    realms.set(realm, this.#timers.now() + MEMORY);
    const [oldest] = realms.keys();
    if (realms.size > SERVICE_LIMIT && oldest !== undefined) realms.delete(oldest);
  }

  /**
   * The address of a token service, if it is one of that registry's.
   * @param scopes what a token is asked for: a registry may have another service for some of its repositories
   * @throws RelayError 403 if the registry does not name it, or it is no place that a registry may name
   */
  async find(registry: string, realm: string, scopes: readonly string[], signal: AbortSignal): Promise<URL> {
    const url = parseUrl(realm);
    if (url === undefined) throw denied(`Cannot ask a token service of ${registry}: its address is none`);
    const own = this.#upstream.originOf(registry);
    // Where the registry itself is on loopback and talked to by http, its token service may be on another port of it.
    const at = own.startsWith("http:") && isLoopback(url.hostname) && url.protocol === "http:" ? url.origin : own;
    this.#upstream.mustBeAllowed(url, at, `ask for a token for ${registry} at`);
    if (this.#isKnown(registry, realm)) return url;
    for (const path of ["/v2/", ...pathsOf(scopes)]) {
      await this.#ask(registry, path, signal);
      if (this.#isKnown(registry, realm)) return url;
    }
    throw denied(`Cannot ask the token service ${url.origin}: ${registry} does not name it`);
  }

  #isKnown(registry: string, realm: string): boolean {
    return (this.#known.get(registry)?.get(realm) ?? 0) > this.#timers.now();
  }

  async #ask(registry: string, path: string, signal: AbortSignal): Promise<void> {
    const url = new URL(path, this.#upstream.originOf(registry));
    const headers = new Headers({ "user-agent": "slipway-relay" });
    const response = await this.#upstream.send(url, { method: "GET", headers, signal });
    await response.body?.cancel();
    const named = response.status === 401 ? bearerRealm(response.headers.get("www-authenticate")) : undefined;
    if (named !== undefined) this.learn(registry, named);
  }
}

/** Where a registry is asked that names its token service only for what needs one: the tags of the first repository. */
function pathsOf(scopes: readonly string[]): readonly string[] {
  for (const scope of scopes.flatMap((text) => text.split(" "))) {
    const [, repository] = /^repository:([^:]+):/.exec(scope) ?? [];
    const path = `/v2/${repository}/tags/list`;
    if (repository !== undefined && parseApiPath(path) !== undefined) return [path];
  }
  return [];
}
