import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A file that the server has, or what answers in its place. */
export type PageRoute =
  | { readonly type: string; readonly body: string | Uint8Array }
  | ((request: IncomingMessage, response: ServerResponse) => void | Promise<void>);

/** A server on loopback for pages. */
export interface PageServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  close(): Promise<void>;
}

/** The policy that Slipway promises to work under: no WebAssembly, no eval, nothing from elsewhere. */
export const STRICT_POLICY = "default-src 'self'";

/**
 * Serves these paths on loopback; every answer carries the content security policy.
 * @param port default a free one
 */
export async function servePages(
  routes: Readonly<Record<string, PageRoute>>,
  policy: string = STRICT_POLICY,
  port = 0,
): Promise<PageServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    const route = routes[pathname];
    response.setHeader("content-security-policy", policy);
    response.setHeader("cache-control", "no-store");
    if (route === undefined) {
      response.writeHead(404).end();
    } else if (typeof route === "function") {
      Promise.resolve(route(request, response)).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    } else {
      response.setHeader("content-type", route.type);
      response.end(route.body);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An HTML page that only loads `/main.js` as a module. */
export const MODULE_PAGE: PageRoute = {
  type: "text/html; charset=utf-8",
  body: '<!doctype html><html lang="en"><meta charset="utf-8"><title>Slipway</title><script type="module" src="/main.js"></script></html>',
};

/** A request's whole body as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}
