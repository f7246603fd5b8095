import { afterEach, describe, expect, it } from "vitest";
import {
  basic,
  digestLike,
  requestLine,
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "./test-registry.ts";

let registry: TestRegistry;
afterEach(() => registry.stop());

const bytes = new TextEncoder().encode("hello, registry\n");
const digest = digestLike("sha256", bytes);

/** Starts one and gives a `fetch` of paths. */
async function start(options: TestRegistryOptions = {}) {
  registry = await startTestRegistry(options);
  return (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://${registry.host}${path}`, { redirect: "manual", ...init });
}

async function upload(send: Awaited<ReturnType<typeof start>>, name = "hello"): Promise<Response> {
  const begun = await send(`/v2/${name}/blobs/uploads/`, { method: "POST" });
  expect(begun.status).toBe(202);
  return await send(`${begun.headers.get("location")}&digest=${digest}`, { method: "PUT", body: bytes });
}

describe("a well-behaved test registry", () => {
  it("takes blobs in one piece and gives them back, whole and in part", async () => {
    const send = await start();
    expect((await upload(send)).status).toBe(201);
    expect(await (await send(`/v2/hello/blobs/${digest}`)).text()).toBe("hello, registry\n");
    const part = await send(`/v2/hello/blobs/${digest}`, { headers: { range: "bytes=7-" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 7-15/16",
      "registry\n",
    ]);
    const head = await send(`/v2/hello/blobs/${digest}`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("16");
    expect(registry.requests.map(requestLine).at(-1)).toBe(`HEAD /v2/hello/blobs/${digest}`);
    expect(registry.requests.find(({ method }) => method === "PUT")).toMatchObject({ bytesIn: 16, status: 201 });
  });

  it("takes chunks in their order only, and none too small before the last", async () => {
    const send = await start({ minimumChunk: 8 });
    const begun = await send("/v2/hello/blobs/uploads/", { method: "POST" });
    expect(begun.headers.get("oci-chunk-min-length")).toBe("8");
    const location = begun.headers.get("location") ?? "";
    const chunk = (start: number, end: number) =>
      send(location, {
        method: "PATCH",
        headers: { "content-range": `${start}-${end - 1}` },
        body: bytes.subarray(start, end),
      });
    expect((await chunk(8, 16)).status).toBe(416);
    const first = await chunk(0, 8);
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-7"]);
    expect((await send(location)).headers.get("range")).toBe("0-7");
    expect((await chunk(8, 12)).status).toBe(202);
    expect((await chunk(12, 16)).status).toBe(400);
  });

  it("keeps what it got of a chunk whose connection was cut", async () => {
    const send = await start({
      on: ({ method }) => (method === "PATCH" ? { kind: "cut request", after: 5 } : "ok"),
    });
    const begun = await send("/v2/hello/blobs/uploads/", { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    await expect(send(location, { method: "PATCH", body: bytes })).rejects.toThrow();
    expect((await send(location)).headers.get("range")).toBe("0-4");
  });

  it("refuses manifests before what they name, and lists those that refer to another", async () => {
    const send = await start();
    const put = (manifest: object, tag: string) =>
      send(`/v2/hello/manifests/${tag}`, {
        method: "PUT",
        headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
        body: JSON.stringify(manifest),
      });
    const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 16 };
    expect((await put({ schemaVersion: 2, config, layers: [] }, "1")).status).toBe(404);
    await upload(send);
    expect((await put({ schemaVersion: 2, config, layers: [] }, "1")).status).toBe(201);
    const subject = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 };
    const referring = await put({ schemaVersion: 2, artifactType: "a/b", config, layers: [], subject }, "2");
    expect(referring.headers.get("oci-subject")).toBe(digest);
    const { manifests } = await (await send(`/v2/hello/referrers/${digest}`)).json();
    expect(manifests).toMatchObject([{ artifactType: "a/b", digest: referring.headers.get("docker-content-digest") }]);
    const page = await send("/v2/hello/tags/list?n=1");
    expect([await page.json(), page.headers.get("link")]).toEqual([
      { name: "hello", tags: ["1"] },
      '</v2/hello/tags/list?n=1&last=1>; rel="next"',
    ]);
  });

  it("mounts by name and without one", async () => {
    const send = await start();
    await upload(send);
    for (const [name, from] of [
      ["a", "&from=hello"],
      ["b", ""],
    ]) {
      const { status } = await send(`/v2/${name}/blobs/uploads/?mount=${digest}${from}`, { method: "POST" });
      expect(status).toBe(201);
    }
    const { status } = await send(`/v2/c/blobs/uploads/?mount=${digest}&from=none`, { method: "POST" });
    expect(status).toBe(202);
  });

  it("asks for tokens with the scopes of the request", async () => {
    const send = await start({
      auth: { kind: "bearer", username: "user", password: "secret", anonymous: ["pull"] },
    });
    const refused = await send("/v2/hello/blobs/uploads/", { method: "POST" });
    expect(refused.headers.get("www-authenticate")).toBe(
      `Bearer realm="http://${registry.tokenHost}/token",service="test-registry",scope="repository:hello:pull,push"`,
    );
    const token = async (headers: Record<string, string>) => {
      const url = `http://${registry.tokenHost}/token?service=test-registry&scope=repository:hello:pull,push`;
      const { token } = await (await fetch(url, { headers })).json();
      return { authorization: `Bearer ${token}` };
    };
    const begin = (headers: Record<string, string>) => send("/v2/hello/blobs/uploads/", { method: "POST", headers });
    const anonymous = await begin(await token({}));
    expect(anonymous.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
    const user = await token({ authorization: basic("user", "secret") });
    expect((await begin(user)).status).toBe(202);
    registry.revokeTokens();
    expect((await begin(user)).status).toBe(401);
  });
});

describe("a test registry that misbehaves", () => {
  it("sends bodies of the wrong length", async () => {
    const send = await start({ on: ({ method }) => (method === "GET" ? { kind: "lying length", by: 10 } : "ok") });
    await upload(send);
    await expect(send(`/v2/hello/blobs/${digest}`).then((response) => response.text())).rejects.toThrow();
  });

  it("cuts answers after some bytes, and floods without end", async () => {
    let flood = false;
    const send = await start({
      on: ({ method }) =>
        method !== "GET"
          ? "ok"
          : flood
            ? { kind: "flood", status: 500, bytes: 2 ** 30 }
            : { kind: "cut response", after: 4 },
    });
    await upload(send);
    const response = await send(`/v2/hello/blobs/${digest}`);
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("hell");
    await expect(reader?.read()).rejects.toThrow();
    flood = true;
    const endless = await send("/v2/");
    await endless.body?.cancel();
    expect(endless.status).toBe(500);
    expect(registry.requests.at(-1)?.bytesOut).toBeLessThan(64 * 1024 * 1024);
  });
});
