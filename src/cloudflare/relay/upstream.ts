import type { RegistryTimers } from "../../registry/registry.ts";
import { isLoopback, privateHostProblem } from "./address.ts";
import { badGateway, denied, RelayError } from "./relay-error.ts";

/** Redirects of one request that are followed. */
const REDIRECT_LIMIT = 5;

/** Answers that name another address for what was asked. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What the relay talks to others with. */
export interface UpstreamOptions {
  readonly fetch: typeof fetch;
  /** Registries on loopback are talked to by plain http. */
  readonly insecure: boolean;
  /** Hosts, with their ports, that registries may name although they are no public ones. */
  readonly redirectHosts: readonly string[];
  /** Milliseconds that a server has to begin its answer. */
  readonly timeout: number;
  readonly timers: RegistryTimers;
}

/** A request as it goes out. */
export interface UpstreamRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | undefined;
  /** When the body has been sent: only then a server can be expected to answer. */
  readonly sent?: Promise<void> | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Servers that the relay speaks to. */
export class Upstream {
  readonly #options: UpstreamOptions;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Where a registry's API is. @param registry as in references */
  originOf(registry: string): string {
    if (registry === "docker.io") return "https://registry-1.docker.io";
    const secure = new URL(`https://${registry}`);
    return this.#options.insecure && isLoopback(secure.hostname) ? new URL(`http://${registry}`).origin : secure.origin;
  }

  /**
   * Sends one request; an answer that is a redirect is given as it is.
   * @throws RelayError 502 where there is no answer, 504 where it does not come in time
   */
  async send(url: URL, request: UpstreamRequest): Promise<Response> {
    const { fetch, timeout, timers } = this.#options;
    const { method, headers, body, sent, signal } = request;
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const answered = new AbortController();
    const late = new RelayError(504, "UNAVAILABLE", `Cannot relay: ${url.host} did not answer within ${timeout} ms`);
    let notSent: unknown;
    const watch = async (): Promise<void> => {
      try {
        await sent;
      } catch (error) {
        notSent = error;
        return;
      }
      await timers.sleep(timeout, answered.signal);
      controller.abort(late);
    };
    watch().catch(() => undefined);
    const init: RequestInit & { readonly duplex?: "half" } = {
      method,
      headers,
      redirect: "manual",
      signal: controller.signal,
      ...(body !== undefined && { body, duplex: "half" }),
    };
    try {
      return await fetch(url, init);
    } catch (error) {
      // Some hosts' fetch says only that it failed.
      for (const known of [error, notSent]) if (known instanceof RelayError) throw known;
      if (controller.signal.aborted) throw controller.signal.reason;
      throw badGateway(`Cannot relay: there is no connection to ${url.host}, or it was cut`, error);
    } finally {
      answered.abort();
    }
  }

  /**
   * Sends a request that only reads, and goes where the answers lead: to the registry itself, or by https to public hosts.
   * Credentials stay with the origin that they were given for.
   * @returns the answer, and whose it is
   * @throws RelayError 403 where it may not go
   */
  async follow(from: URL, request: UpstreamRequest): Promise<{ readonly response: Response; readonly origin: string }> {
    let url = from;
    let { headers } = request;
    for (let count = 0; count <= REDIRECT_LIMIT; count++) {
      const response = await this.send(url, { ...request, headers });
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || location === null) return { response, origin: url.origin };
      await response.body?.cancel();
      const next = parseUrl(location, url);
      if (next === undefined) throw badGateway(`Cannot relay: ${url.host} leads to what is no address`);
      this.mustBeAllowed(next, from.origin, `follow the redirect of ${from.host} to`);
      if (next.origin !== url.origin) {
        headers = new Headers(headers);
        headers.delete("authorization");
      }
      url = next;
    }
    throw badGateway(`Cannot relay: ${from.host} leads through more than ${REDIRECT_LIMIT} other addresses`);
  }

  /**
   * Judges an address that a registry names: it may be the registry's own, or that of a public host by https.
   * @param own the registry's origin
   * @param doing what cannot be done if it may not be, for messages: `follow a redirect to`
   * @throws RelayError 403
   */
  mustBeAllowed(url: URL, own: string, doing: string): void {
    const refuse = (reason: string): RelayError => denied(`Cannot ${doing} ${url.protocol}//${url.host}: ${reason}`);
    if (url.username !== "" || url.password !== "") throw refuse("its address holds credentials");
    if (url.origin === own) return;
    const { insecure, redirectHosts } = this.#options;
    if (redirectHosts.includes(url.host)) {
      if (url.protocol === "https:" || (url.protocol === "http:" && insecure && isLoopback(url.hostname))) return;
    }
    if (url.protocol !== "https:") throw refuse("it is not https");
    if (url.port !== "") throw refuse("its port is not that of https");
    const problem = privateHostProblem(url.hostname);
    if (problem !== undefined) throw refuse(problem);
  }
}

/** An address, or undefined if it is none. */
export function parseUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
