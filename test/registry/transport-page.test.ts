import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, it } from "vitest";
import { bundleModule } from "../support/bundle.ts";
import { launchChromium } from "../support/chromium.ts";
import { servePages } from "../support/page-server.ts";
import { serve } from "./support/hosts.ts";

const PROGRAM = `
import { createTransport } from "/transport.js";
const decoder = new TextDecoder();
const request = (url, more) => ({ method: "GET", url, scopes: [], doing: "try", ...more });
window.run = async (host) => {
  const transport = createTransport(host, { credentials: () => ({ username: "user", password: "secret" }) });
  const send = async (url, more) => decoder.decode(await (await transport.send(request(url, more), {})).bytes(100));
  const source = { size: 5, async *open() { yield new Uint8Array(5); } };
  const once = createTransport("127.0.0.1:2", { retry: { tries: 0 } });
  return [
    await send("/v2/here"),
    await send("/v2/elsewhere"),
    await send("/v2/elsewhere"),
    await send("/v2/upload", { method: "PUT", body: source }),
    await once.send(request("/v2/"), {}).catch(({ code, message }) => code + " " + message),
  ];
};`;

/** A server that lets pages of any origin in. */
async function open(
  log: string[],
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  return await serve((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "authorization");
    response.setHeader("access-control-allow-methods", "GET, PUT");
    response.setHeader("access-control-expose-headers", "www-authenticate");
    if (request.method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    log.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("latin1");
    });
    request.on("end", () => answer(request, response, body));
  });
}

it("in a page follows redirects without credentials, sends sources as Blobs, and knows of CORS", {
  timeout: 110_000,
}, async () => {
  const [asked, stored]: [string[], string[]] = [[], []];
  const storage = await open(stored, (_, response) => response.end("from the storage"));
  const registry = await open(asked, ({ url, headers }, response, body) => {
    if (headers.authorization === undefined) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    } else if (url === "/v2/elsewhere") {
      response.writeHead(307, { location: `http://${storage}/blob` }).end();
    } else {
      response.end(`${body.length} bytes with length ${headers["content-length"]}`);
    }
  });
  const pages = await servePages(
    {
      "/": { type: "text/html", body: '<script type="module" src="/program.js"></script>' },
      "/program.js": { type: "text/javascript", body: PROGRAM },
      "/transport.js": { type: "text/javascript", body: await bundleModule("src/registry/create-transport.ts") },
    },
    "default-src 'self'; connect-src *",
  );
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${pages.origin}/`);
    await page.waitForFunction("window.run !== undefined");
    const results = await page.evaluate(`window.run(${JSON.stringify(registry)})`);
    expect(results).toEqual([
      "0 bytes with length undefined",
      "from the storage",
      "from the storage",
      "5 bytes with length 5",
      expect.stringMatching(/^UNAVAILABLE Cannot try: no connection to 127\.0\.0\.1:2 .* \(CORS\): a relay can$/),
    ]);
  } finally {
    await browser.close();
    await pages.close();
  }
  const basic = `Basic ${btoa("user:secret")}`;
  expect(stored).toEqual(["GET /blob -", "GET /blob -"]);
  expect(asked).toEqual([
    "GET /v2/here -",
    `GET /v2/here ${basic}`,
    // Once to see that it is a redirect, once to follow it; from then on at once.
    `GET /v2/elsewhere ${basic}`,
    `GET /v2/elsewhere ${basic}`,
    `GET /v2/elsewhere ${basic}`,
    `PUT /v2/upload ${basic}`,
  ]);
});
