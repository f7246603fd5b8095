/** A request that went through {@link namedHosts}. */
export interface NamedRequest {
  readonly method: string;
  /** Absolute, as the client meant it. */
  readonly url: string;
  readonly authorization: string | undefined;
}

/** A `fetch` for which names stand for servers of a test. */
export interface NamedHosts {
  readonly fetch: typeof fetch;
  /** All requests, also those that went nowhere. */
  readonly requests: readonly NamedRequest[];
}

/**
 * A `fetch` that knows only these origins and sends to loopback what is for them: `https://registry.example` can be tested without
 * certificates, and nothing leaves the machine. For any other origin it fails as `fetch` does where nobody listens.
 * @param origins by origin (`https://registry.example`), where its server listens (`127.0.0.1:PORT`)
 */
export function namedHosts(origins: Readonly<Record<string, string>>): NamedHosts {
  const requests: NamedRequest[] = [];
  return {
    requests,
    async fetch(input, init) {
      const url = new URL(input instanceof Request ? input.url : input);
      const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
      const method = init?.method ?? (input instanceof Request ? input.method : "GET");
      requests.push({ method, url: url.href, authorization: headers.get("authorization") ?? undefined });
      const host = origins[url.origin];
      if (host === undefined)
        throw new TypeError("fetch failed", { cause: new Error(`nobody listens at ${url.origin}`) });
      const response = await fetch(`http://${host}${url.pathname}${url.search}`, init);
      Object.defineProperty(response, "url", { value: url.href });
      return response;
    },
  };
}
