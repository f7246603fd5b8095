import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRegistryRelay, type RegistryRelay } from "../../src/cloudflare/index.ts";
import { codeOf, madeOnDemand } from "./relay/upstreams.ts";

/** With Node's own `fetch`, which treats bodies and redirects in its own way. */
describe("a relay in Node", () => {
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown = (_, response) => response.end();
  const registry = createServer((request, response) => answer(request, response));
  let base = "";
  let relay: RegistryRelay;

  beforeAll(async () => {
    await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
    relay = createRegistryRelay({
      registries: [host],
      actions: ["pull", "push"],
      insecure: true,
      requestLimit: 1000,
      allowNoOrigin: true,
    });
    base = `http://relay.example.com/registry/${host}/v2/`;
  });
  afterAll(() => {
    registry.closeAllConnections();
    registry.close();
  });

  const ask = async (path: string, init?: RequestInit & { readonly duplex?: "half" }): Promise<Response> =>
    (await relay.fetch(new Request(`${base}${path}`, init))) ?? new Response();
  const streamed = (size: number, headers: Record<string, string> = {}) =>
    ({ method: "PUT", body: madeOnDemand(size, 1).stream, duplex: "half", headers }) as const;

  it("says how long a body is, if it was told", async () => {
    const seen: IncomingMessage["headers"][] = [];
    answer = (request, response) => {
      seen.push(request.headers);
      request.resume().on("end", () => response.writeHead(201).end());
    };
    expect((await ask("a/manifests/1", streamed(900, { "content-length": "900" }))).status).toBe(201);
    expect((await ask("a/manifests/1", streamed(900))).status).toBe(201);
    expect((await ask("a/blobs/uploads/", { method: "POST", headers: { "content-length": "0" } })).status).toBe(201);
    expect(seen.map((headers) => [headers["content-length"], headers["transfer-encoding"]])).toEqual([
      ["900", undefined],
      [undefined, "chunked"],
      ["0", undefined],
    ]);
  });

  it("takes no more than its limit", async () => {
    answer = (request, response) => request.resume().on("end", () => response.end());
    expect(await codeOf(await ask("a/manifests/1", streamed(1001)))).toBe("413 SIZE_INVALID");
  });

  it("follows redirects itself", async () => {
    answer = ({ url }, response) =>
      url === "/stored" ? response.end("blob") : response.writeHead(302, { location: "/stored" }).end();
    expect(await (await ask(`a/blobs/sha256:${"a".repeat(64)}`)).text()).toBe("blob");
  });

  it("tells when there is no registry", async () => {
    answer = (request) => request.socket.destroy();
    expect(await codeOf(await ask(""))).toBe("502 UNAVAILABLE");
  });
});
