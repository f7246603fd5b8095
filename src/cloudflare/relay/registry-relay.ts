import { readAll } from "../../bytes.ts";
import { isSlipwayError } from "../../errors.ts";
import { hostTimers } from "../../registry/timers.ts";
import { apiResponse } from "../api-response.ts";
import { answered, mustLeadOn } from "./answer.ts";
import { lengthOf, passBody } from "./bodies.ts";
import { bearerRealm } from "./challenge.ts";
import {
  type AllowedOrigins,
  type AllowNoOrigin,
  allowedOrigin,
  allowReading,
  isPreflight,
  preflightResponse,
} from "./cors.ts";
import { type AddressMapping, requestHeaders, responseHeaders } from "./headers.ts";
import { checkedNumber, checkedPrefix, checkedRegistry, type RegistryRelayOptions } from "./options.ts";
import { badGateway, denied, notFound, RelayError } from "./relay-error.ts";
import { type ApiRoute, parseApiPath, parseRoute, type RelayAction } from "./route.ts";
import { TokenServices } from "./token-services.ts";
import { parseUrl, Upstream, type UpstreamRequest } from "./upstream.ts";

/** Stands between pages and registries. */
export interface RegistryRelay {
  /**
   * Answers a request for the relay: also with everything that is wrong, it never rejects.
   * @returns undefined for addresses that are not under its prefix
   */
  fetch(request: Request): Promise<Response | undefined>;
}

const GIBIBYTE = 1024 ** 3;
/** Bytes of what a token service is sent. */
const TOKEN_REQUEST_LIMIT = 64 * 1024;
const TOKEN_RESPONSE_LIMIT = 1024 * 1024;
/** Characters of an address that is looked at. */
const ADDRESS_LIMIT = 16_384;
const ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/**
 * A relay for pages: they can only talk to registries that allow them to (CORS), which few do. A Worker, or any server that speaks
 * `Request` and `Response`, mounts it, and a client is told of it by the option `relay` of `createRegistry`.
 *
 * `PREFIX/REGISTRY/v2/…` is the API of a registry, and nothing else of it: exactly the ends of the distribution specification that
 * `actions` need. Bodies stream both ways. Addresses in answers (`Location`, `Link`, a token service's) lead through the relay; token
 * services are those that the registry itself names. Redirects to a storage are followed here; they and token services may be at public
 * hosts only, by https. The relay has no credentials of its own and keeps none: `Authorization` goes on to the registry and its token
 * service, and nowhere else. Cookies, origin and referrer stay behind.
 *
 * Only pages may use it: those of its own origin and of `origins`. Callers that name no origin are refused, unless `allowNoOrigin` says
 * otherwise. The relay's own origin is the one in the request's address: a server of yours must answer to its own names only.
 *
 * Hosts are judged by what is written. Whether a public name (`127.0.0.1.nip.io`) leads to a private address cannot be known here:
 * Workers cannot reach such; elsewhere give a `fetch` that refuses them.
 *
 * @example
 * ```ts
 * const relay = createRegistryRelay({ registries: ["docker.io", "ghcr.io"], origins: ["https://example.com"] });
 * export default {
 *   fetch: async (request: Request) => (await relay.fetch(request)) ?? new Response("not found", { status: 404 }),
 * };
 * ```
 * @throws SlipwayError `INVALID_ARGUMENT` for a registry, prefix or limit that cannot be
 */
export function createRegistryRelay(options: RegistryRelayOptions): RegistryRelay {
  return new Relay(options);
}

class Relay implements RegistryRelay {
  readonly #registries: ReadonlySet<string>;
  readonly #prefix: string;
  readonly #actions: readonly RelayAction[];
  readonly #repositories: (repository: string, registry: string) => boolean;
  readonly #origins: AllowedOrigins;
  readonly #allowNoOrigin: AllowNoOrigin;
  readonly #requestLimit: number;
  readonly #responseLimit: number;
  readonly #upstream: Upstream;
  readonly #tokenServices: TokenServices;

  constructor(options: RegistryRelayOptions) {
    const { timers = hostTimers, fetch: ownFetch } = options;
    this.#registries = new Set(options.registries.map(checkedRegistry));
    this.#prefix = checkedPrefix(options.prefix ?? "/registry/");
    this.#actions = options.actions ?? ["pull"];
    this.#repositories = options.repositories ?? (() => true);
    this.#origins = options.origins ?? [];
    this.#allowNoOrigin = options.allowNoOrigin ?? false;
    this.#requestLimit = checkedNumber("requestLimit", options.requestLimit ?? 10 * GIBIBYTE);
    this.#responseLimit = checkedNumber("responseLimit", options.responseLimit ?? 10 * GIBIBYTE);
    this.#upstream = new Upstream({
      // Not taken along: hosts refuse a fetch that is called as somebody's method.
      fetch: ownFetch ?? ((input, init) => fetch(input, init)),
      insecure: options.insecure ?? false,
      redirectHosts: options.redirectHosts ?? [],
      timeout: checkedNumber("timeout", options.timeout ?? 60_000),
      timers,
    });
    this.#tokenServices = new TokenServices(this.#upstream, timers);
  }

  async fetch(request: Request): Promise<Response | undefined> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(this.#prefix)) return undefined;
    let origin: string | undefined;
    let response: Response;
    try {
      origin = await allowedOrigin(request, this.#origins, this.#allowNoOrigin);
      response = await this.#answer(request, pathname.slice(this.#prefix.length));
    } catch (error) {
      response = errorOf(error, request).toResponse();
    }
    return allowReading(apiResponse(response), origin);
  }

  async #answer(request: Request, path: string): Promise<Response> {
    if (request.url.length > ADDRESS_LIMIT) {
      throw new RelayError(414, "UNSUPPORTED", "Cannot relay: the address is too long");
    }
    const [, first = "", rest = ""] = /^([^/]*)(\/.*)?$/s.exec(path) ?? [];
    const registry = decodedRegistry(first);
    const route = parseRoute(rest);
    if (route === undefined) {
      throw notFound(
        `Cannot relay ${JSON.stringify(path.slice(0, 200))}: there are only REGISTRY/v2/… and REGISTRY/token`,
      );
    }
    if (!this.#registries.has(registry)) {
      throw denied(
        `Cannot relay to ${JSON.stringify(registry.slice(0, 200))}: it is not among the registries that this relay allows`,
      );
    }
    const exchange = new Exchange(request, registry);
    if (route.kind === "token") return await this.#token(exchange);
    return await this.#api(exchange, route);
  }

  async #api({ request, registry, url }: Exchange, route: ApiRoute): Promise<Response> {
    const allowed = ALL_METHODS.filter((method) => this.#actions.includes(route.methods[method] as RelayAction));
    if (isPreflight(request)) return preflightResponse(allowed);
    mustBe(request, allowed);
    this.#mustMayTalkOf(route.repository, registry);
    if (request.method === "POST") {
      for (const source of url.searchParams.getAll("from")) this.#mustMayTalkOf(source, registry);
    }

    const target = new URL(this.#upstream.originOf(registry) + route.path + url.search);
    const reads = request.method === "GET" || request.method === "HEAD";
    const { response, origin } = reads
      ? await this.#upstream.follow(target, {
          method: request.method,
          headers: requestHeaders(request.headers),
          signal: request.signal,
        })
      : { response: await this.#upstream.send(target, this.#withBody(request)), origin: target.origin };
    // A storage has no say in who gets credentials, and no addresses for a client.
    const mapping = origin === target.origin ? this.#mapping(registry, url, target) : undefined;
    const challenge = mapping && response.status === 401 ? response.headers.get("www-authenticate") : null;
    const realm = bearerRealm(challenge);
    if (realm !== undefined) this.#tokenServices.learn(registry, realm);
    const headers = responseHeaders(response.headers, mapping);
    mustLeadOn(response, headers, registry);
    return await answered(request, response, headers, this.#responseLimit);
  }

  #withBody(request: Request): UpstreamRequest {
    const { method, body, signal } = request;
    const headers = requestHeaders(request.headers);
    const length = lengthOf(request.headers);
    if (length !== undefined && length > this.#requestLimit) throw tooLarge(this.#requestLimit);
    if (body === null || length === 0) return { method, headers, signal };
    // Where a body's length can be said in no other way. Hosts that say it themselves leave this out.
    if (length !== undefined) headers.set("content-length", String(length));
    const { stream, passed } = passBody(body, length, this.#requestLimit, () => tooLarge(this.#requestLimit));
    return { method, headers, body: stream, sent: passed, signal };
  }

  /** Passes on what a token service is asked: by GET, or by POST as OAuth2 wants it. */
  async #token({ request, registry, url }: Exchange): Promise<Response> {
    const methods = ["GET", "POST"];
    if (isPreflight(request)) return preflightResponse(methods);
    mustBe(request, methods);
    const query = url.searchParams;
    const realm = query.get("realm") ?? "";
    query.delete("realm");
    const form = request.method === "POST" ? await formOf(request) : undefined;
    const scopes = [...query.getAll("scope"), ...(form?.getAll("scope") ?? [])];
    const service = await this.#tokenServices.find(registry, realm, scopes, request.signal);
    for (const [name, value] of query) service.searchParams.append(name, value);
    const headers = requestHeaders(request.headers);
    if (form !== undefined) headers.set("content-type", "application/x-www-form-urlencoded");
    const response = await this.#upstream.send(service, {
      method: request.method,
      headers,
      ...(form !== undefined && { body: new TextEncoder().encode(form.toString()) }),
      signal: request.signal,
    });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw badGateway(`Cannot relay: the token service ${service.host} leads elsewhere`);
    }
    return await answered(
      request,
      response,
      responseHeaders(response.headers, this.#mapping(registry, url, service)),
      TOKEN_RESPONSE_LIMIT,
    );
  }

  #mustMayTalkOf(repository: string | undefined, registry: string): void {
    if (repository === undefined || this.#repositories(repository, registry)) return;
    throw denied(
      `Cannot relay for ${JSON.stringify(repository.slice(0, 300))}: this relay does not allow that repository`,
    );
  }

  /** Addresses of a registry, as addresses of the relay. */
  #mapping(registry: string, own: URL, asked: URL): AddressMapping {
    const base = `${this.#prefix}${registry}`;
    const origin = new URL(this.#upstream.originOf(registry));
    return {
      api(address) {
        const url = address === "" ? undefined : parseUrl(address, asked);
        if (url === undefined || !isItself(url, origin)) return undefined;
        const route = parseApiPath(url.pathname);
        return route === undefined ? undefined : `${base}${route.path}${url.search}`;
      },
      token: (realm) => {
        const address = new URL(`${base}/token`, own);
        address.searchParams.set("realm", realm);
        return address.href;
      },
    };
  }
}

/** A request and the registry that it is for. */
class Exchange {
  readonly request: Request;
  readonly registry: string;
  readonly url: URL;

  constructor(request: Request, registry: string) {
    this.request = request;
    this.registry = registry;
    this.url = new URL(request.url);
  }
}

/** Whether an address is one of the registry's own. Behind a proxy registries often say http of themselves; only the path is taken. */
const isItself = ({ protocol, username, password, hostname, port }: URL, registry: URL): boolean =>
  (protocol === "https:" || protocol === "http:") &&
  username === "" &&
  password === "" &&
  hostname === registry.hostname &&
  port === registry.port;

/** @throws RelayError 405 */
function mustBe({ method }: Request, allowed: readonly string[]): void {
  if (allowed.includes(method)) return;
  throw new RelayError(405, "UNSUPPORTED", `Cannot relay ${method}: this relay does not allow that here`, {
    headers: { allow: allowed.join(", ") },
  });
}

async function formOf(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\b/i.test(type)) {
    throw new RelayError(415, "UNSUPPORTED", "Cannot ask a token service: what is posted must be a form (urlencoded)");
  }
  try {
    const bytes = await readAll(request.body ?? new Uint8Array(), TOKEN_REQUEST_LIMIT);
    return new URLSearchParams(new TextDecoder().decode(bytes));
  } catch (error) {
    if (isSlipwayError(error, "SIZE_MISMATCH")) throw tooLarge(TOKEN_REQUEST_LIMIT);
    throw error;
  }
}

const tooLarge = (limit: number): RelayError =>
  new RelayError(413, "SIZE_INVALID", `Cannot relay: the request's body has more than ${limit} bytes`);

function errorOf(error: unknown, request: Request): RelayError {
  if (error instanceof RelayError) return error;
  if (request.signal.aborted) return new RelayError(499, "UNAVAILABLE", "Cannot relay: the client went away");
  return new RelayError(500, "UNKNOWN", "Cannot relay: something went wrong in the relay", { cause: error });
}

/** Clients may write the colon before a port, and the brackets of IPv6, in percents. */
function decodedRegistry(part: string): string {
  return part.replace(/%(?:3a|5b|5d)/gi, decodeURIComponent).toLowerCase();
}
