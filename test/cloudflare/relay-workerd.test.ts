import { createHash } from "node:crypto";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRelay, startRelay } from "./relay/start.ts";
import { codeOf } from "./relay/upstreams.ts";

const D = `sha256:${"a".repeat(64)}`;
const MIB = 1024 * 1024;

/** A registry that answers what each test needs, and remembers what it was asked. */
const asked: { readonly method: string; readonly url: string; readonly headers: IncomingMessage["headers"] }[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => unknown = (_, response) => response.end();
const registry = createServer((request, response) => {
  asked.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers });
  answer(request, response);
});
let host = "";
let relay: RunningRelay;

beforeAll(async () => {
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
  relay = await startRelay({
    registries: [host],
    actions: ["pull", "push"],
    origins: ["https://page.example.com"],
    requestLimit: 300 * MIB,
  });
});
afterAll(async () => {
  await relay.stop();
  registry.closeAllConnections();
  registry.close();
});

const ask = (path: string, init?: RequestInit): Promise<Response> => {
  asked.length = 0;
  return fetch(`${relay.address}${host}/v2/${path}`, { redirect: "manual", ...init });
};

/** Sends a body of so many MiB, each of other bytes, and gives the status and the digest of what was sent. */
function sendLarge(path: string, chunks: number, length = chunks * MIB): Promise<{ status: number; digest: string }> {
  const hash = createHash("sha256");
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${relay.address}${host}/v2/${path}`, {
      method: "PUT",
      headers: { "content-length": length },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume().on("end", () => resolve({ status: response.statusCode ?? 0, digest: hash.digest("hex") }));
    });
    let sent = 0;
    const more = (): void => {
      while (sent < chunks) {
        const chunk = Buffer.alloc(MIB, sent++);
        hash.update(chunk);
        if (!request.write(chunk)) {
          request.once("drain", more);
          return;
        }
      }
      request.end();
    };
    more();
  });
}

describe("a relay in workerd", () => {
  it("passes on requests and answers", async () => {
    answer = (_, response) =>
      response
        .writeHead(200, { "content-type": "application/json", "docker-content-digest": D, server: "x" })
        .end('{"ok":true}');
    const response = await ask("a/manifests/1", {
      headers: { authorization: "Bearer t", cookie: "a=b", origin: "https://page.example.com" },
    });
    expect(await response.json()).toEqual({ ok: true });
    expect(response.headers.get("docker-content-digest")).toBe(D);
    expect(response.headers.get("server")).toBeNull();
    expect(response.headers.get("access-control-allow-origin")).toBe("https://page.example.com");
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /v2/a/manifests/1"]);
    expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer t", "accept-encoding": "identity" });
    for (const name of ["cookie", "origin", "referer"]) expect(asked[0]?.headers).not.toHaveProperty(name);
  });

  it("keeps the length of answers, to HEAD as well, and of ranges", async () => {
    answer = (_, response) =>
      response.writeHead(206, { "content-length": 5, "content-range": "bytes 1-5/9" }).end("hello");
    const part = await ask(`a/blobs/${D}`, { headers: { range: "bytes=1-5" } });
    expect([part.status, part.headers.get("content-length"), await part.text()]).toEqual([206, "5", "hello"]);
    answer = (_, response) => response.writeHead(200, { "content-length": 12345 }).end();
    const head = await ask("a/manifests/1", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "12345"]);
  });

  it("leads an upload on, and sends its length and that of none", async () => {
    answer = (request, response) => {
      request.resume();
      request.on("end", () =>
        response.writeHead(202, { location: `http://${host}/v2/a/blobs/uploads/id?_state=x%3D`, range: "0-0" }).end(),
      );
    };
    const begun = await ask("a/blobs/uploads/", { method: "POST" });
    expect([begun.status, begun.headers.get("location")]).toEqual([
      202,
      `/registry/${host}/v2/a/blobs/uploads/id?_state=x%3D`,
    ]);
    expect(asked[0]?.headers["content-length"]).toBe("0");
    await ask("a/blobs/uploads/id?_state=x", { method: "PATCH", body: "12345", headers: { "content-range": "0-4" } });
    expect(asked[0]?.headers).toMatchObject({ "content-length": "5", "content-range": "0-4" });
    expect(asked[0]?.headers).not.toHaveProperty("transfer-encoding");
  });

  it("follows redirects to the registry itself, and to no other port or by http", async () => {
    answer = ({ url }, response) =>
      url === "/stored" ? response.end("blob") : response.writeHead(307, { location: "/stored" }).end();
    expect(await (await ask(`a/blobs/${D}`)).text()).toBe("blob");
    answer = (_, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
    expect(await codeOf(await ask(`a/blobs/${D}`))).toBe("403 DENIED");
  });

  it("gets tokens from the service that the registry names", async () => {
    answer = ({ url, headers }, response) => {
      if (url?.startsWith("/auth")) response.end(JSON.stringify({ token: url, by: headers.authorization }));
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${host}/auth",service="s"` }).end();
    };
    const refused = await ask("a/manifests/1");
    const [, realm = ""] = /realm="([^"]+)"/.exec(refused.headers.get("www-authenticate") ?? "") ?? [];
    expect(realm.startsWith(`${relay.address}${host}/token?realm=`)).toBe(true);
    const response = await fetch(`${realm}&service=s&scope=repository%3Aa%3Apull`, {
      headers: { authorization: "Basic eA==" },
    });
    expect(await response.json()).toEqual({ token: "/auth?service=s&scope=repository%3Aa%3Apull", by: "Basic eA==" });
    const elsewhere = await fetch(`${relay.address}${host}/token?realm=${encodeURIComponent(`http://${host}/other`)}`);
    expect(await codeOf(elsewhere)).toBe("403 DENIED");
  });

  it("streams a large blob both ways, whole", async () => {
    const received = createHash("sha256");
    answer = (request, response) => {
      expect(request.headers["content-length"]).toBe(String(200 * MIB));
      request.on("data", (chunk: Buffer) => received.update(chunk));
      request.on("end", () => response.writeHead(201).end());
    };
    const { status, digest } = await sendLarge(`a/blobs/uploads/id?digest=${D}`, 200);
    expect([status, received.digest("hex")]).toEqual([201, digest]);

    const sent = createHash("sha256");
    answer = (_, response) => {
      response.writeHead(200, { "content-length": 200 * MIB });
      let count = 0;
      const more = (): void => {
        while (count < 200) {
          const chunk = Buffer.alloc(MIB, count++);
          sent.update(chunk);
          if (!response.write(chunk)) {
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    };
    const got = createHash("sha256");
    await new Promise<void>((resolve, reject) => {
      httpRequest(`${relay.address}${host}/v2/a/blobs/${D}`, (response) => {
        expect(response.headers["content-length"]).toBe(String(200 * MIB));
        response
          .on("data", (chunk: Buffer) => got.update(chunk))
          .on("end", resolve)
          .on("error", reject);
      })
        .on("error", reject)
        .end();
    });
    expect(got.digest("hex")).toBe(sent.digest("hex"));
  });

  it("takes no more than its limit", async () => {
    asked.length = 0;
    // Only the head is sent: it is enough.
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { "content-length": 301 * MIB };
      const request = httpRequest(`${relay.address}${host}/v2/a/manifests/1`, { method: "PUT", headers });
      request.on("response", (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.on("error", reject).flushHeaders();
    });
    expect(status).toBe(413);
    expect(asked).toEqual([]);
  });

  it("waits no longer than it is told", async () => {
    answer = () => undefined;
    const impatient = await startRelay({ registries: [host], timeout: 50 });
    try {
      expect(await codeOf(await fetch(`${impatient.address}${host}/v2/`))).toBe("504 UNAVAILABLE");
    } finally {
      await impatient.stop();
    }
  });
});
