import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import type { RegistryRequest } from "../../../src/registry/index.ts";

/** One request that a client sent to hosts that exist only in the test. */
export interface SentRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
  readonly redirect: RequestRedirect | undefined;
}

/** Hosts of a test: nothing leaves the process. */
export interface Hosts {
  readonly fetch: typeof fetch;
  readonly sent: readonly SentRequest[];
  /** `GET https://registry.example/v2/ Basic …` of each request. */
  lines(): readonly string[];
}

/** A `fetch` that answers what `answer` says; what that throws is a failure of the network. */
export function hosts(answer: (request: SentRequest, count: number) => Response | Promise<Response>): Hosts {
  const sent: SentRequest[] = [];
  return {
    sent,
    lines: () =>
      sent.map(({ method, url, headers }) => [method, url.href, headers.get("authorization") ?? "-"].join(" ")),
    async fetch(input, init) {
      const url = new URL(String(input));
      const body = init?.body === undefined ? "" : await new Response(init.body).text();
      init?.signal?.throwIfAborted();
      const request = {
        method: init?.method ?? "GET",
        url,
        headers: new Headers(init?.headers),
        body,
        redirect: init?.redirect,
      };
      sent.push(request);
      const response = await answer(request, sent.length);
      if (response.url === "") Object.defineProperty(response, "url", { value: url.href });
      return response;
    },
  };
}

export const answer = (status: number, headers: Record<string, string> = {}, body = ""): Response =>
  new Response([204, 304].includes(status) ? null : body, { status, headers });

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  answer(status, { "content-type": "application/json", ...headers }, JSON.stringify(value));

export const redirect = (location: string, status = 307): Response => answer(status, { location });

/** A request as the rest of the registry client makes them. */
export const get = (url: string, more: Partial<RegistryRequest> = {}): RegistryRequest => ({
  method: "GET",
  url,
  scopes: ["repository:hello:pull"],
  doing: "fetch manifest hello:1",
  ...more,
});

/** A server on loopback that ends with the test. @returns `127.0.0.1:PORT` */
export async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}

/** What a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error("it was not rejected");
    },
    (error: unknown) => error,
  );
}
