import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunksOf, readAll } from "../../src/bytes.ts";
import { createRegistryRelay } from "../../src/cloudflare/index.ts";
import { codeOf, madeOnDemand, RELAY, relayTo, type Server } from "./relay/upstreams.ts";

const REGISTRY = "https://registry.example.com";
const HUB = "https://registry-1.docker.io";
const D = `sha256:${"a".repeat(64)}`;
const ok: Server = () => new Response("{}", { headers: { "content-type": "application/json" } });

describe("a relay", () => {
  it("passes on the API of its registries under their names", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok, [HUB]: ok });
    await ask("registry.example.com/v2/");
    await ask("registry.example.com/v2");
    await ask("docker.io/v2/library/alpine/manifests/3.20");
    await ask(`docker.io/v2/library/alpine/manifests/${encodeURIComponent(D)}`, { method: "HEAD" });
    await ask("registry.example.com/v2/a/b/c/tags/list?n=10&last=x%2Fy");
    await ask(`registry.example.com/v2/a/referrers/${D}?artifactType=a%2Fb`);
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET ${REGISTRY}/v2/`,
      `GET ${REGISTRY}/v2/`,
      `GET ${HUB}/v2/library/alpine/manifests/3.20`,
      `HEAD ${HUB}/v2/library/alpine/manifests/${D}`,
      `GET ${REGISTRY}/v2/a/b/c/tags/list?n=10&last=x%2Fy`,
      `GET ${REGISTRY}/v2/a/referrers/${D}?artifactType=a%2Fb`,
    ]);
  });

  it("takes a port and an IPv6 address, in percents too", async () => {
    const { ask, sent } = relayTo(
      { "http://127.0.0.1:5000": ok, "http://[::1]:5000": ok },
      { registries: ["127.0.0.1:5000", "[::1]:5000"], insecure: true },
    );
    for (const name of ["127.0.0.1:5000", "127.0.0.1%3A5000", "[::1]:5000", "%5B::1%5d%3a5000"]) {
      expect((await ask(`${name}/v2/`)).status).toBe(200);
    }
    expect(sent.map(({ url }) => new URL(url).host)).toEqual([
      "127.0.0.1:5000",
      "127.0.0.1:5000",
      "[::1]:5000",
      "[::1]:5000",
    ]);
  });

  it("leaves other addresses to others", async () => {
    const relay = createRegistryRelay({ registries: ["docker.io"], prefix: "/r" });
    for (const path of ["/", "/registry/docker.io/v2/", "/rr/docker.io/v2/", "/r"]) {
      expect(await relay.fetch(new Request(`https://relay.example.com${path}`))).toBeUndefined();
    }
  });

  it("talks to loopback by https unless told otherwise", async () => {
    const { ask, sent } = relayTo({}, { registries: ["localhost:5000"] });
    expect(await codeOf(await ask("localhost:5000/v2/"))).toBe("502 UNAVAILABLE");
    expect(sent[0]?.url).toBe("https://localhost:5000/v2/");
  });

  it.each(["", "a b", "docker.io/library", "user@docker.io", "a/../b", "https://docker.io", "*", "docker.io?"])(
    "does not take %j for a registry",
    (registry) => {
      expect(() => createRegistryRelay({ registries: [registry] })).toThrow(/^Cannot relay to/);
    },
  );

  it.each(["registry", "/a//b", "/a/../b", "/a?b", "/%2e"])("cannot lie under %j", (prefix) => {
    expect(() => createRegistryRelay({ registries: [], prefix })).toThrow(/no plain path/);
  });
});

describe("what is no part of a registry's API", () => {
  it.each([
    "docker.io",
    "docker.io/",
    "docker.io/v1/x",
    "docker.io/v2x",
    "docker.io/v2/_catalog",
    "docker.io/v2/library/alpine",
    "docker.io/v2/library/alpine/tags",
    "docker.io/v2/library/alpine/manifests/",
    "docker.io/v2/library/alpine/manifests/a/b",
    "docker.io/v2/Library/alpine/manifests/1",
    "docker.io/v2//manifests/1",
    "docker.io/v2/a//b/manifests/1",
    "docker.io//v2/a/manifests/1",
    "docker.io/v2/a/manifests/%2e%2e",
    "docker.io/v2/a/manifests/..%2f..%2fetc",
    "docker.io/v2/a/manifests/..%5c..",
    "docker.io/v2/a%2fb/manifests/1",
    "docker.io/v2/a/blobs/uploads/..%2f",
    "docker.io/v2/a/blobs/uploads/%2e%2e",
    "docker.io/v2/a/manifests/1%00",
    "docker.io/v2/a/manifests/1%0d%0ahost:%20x",
    "docker.io/v2/a/blobs/sha256:xyz",
    `docker.io/v2/${"a".repeat(256)}/manifests/1`,
    "docker.io/token/",
    "docker.io/tokens",
    "docker.io%2fv2/",
    "..%2fdocker.io/v3/",
  ])("is not there: %s", async (path) => {
    const { ask, sent } = relayTo({ [HUB]: ok });
    expect(await codeOf(await ask(path))).toBe("404 NAME_UNKNOWN");
    expect(sent).toEqual([]);
  });

  it("is not reached by dots: they are resolved before anybody looks", async () => {
    const { ask, sent } = relayTo({ [HUB]: ok });
    expect((await ask("docker.io/v2/a/b/../../../v2/x/manifests/%2e%2e/manifests/1")).status).toBe(200);
    expect(sent.map(({ url }) => url)).toEqual([`${HUB}/v2/x/manifests/1`]);
    const relay = createRegistryRelay({ registries: ["docker.io"] });
    expect(await relay.fetch(new Request(`${RELAY}/docker.io/../../v2/`))).toBeUndefined();
  });

  it("is longer than any address", async () => {
    const { ask, sent } = relayTo({ [HUB]: ok });
    expect((await ask(`docker.io/v2/?x=${"x".repeat(20_000)}`)).status).toBe(414);
    expect(sent).toEqual([]);
  });
});

describe("registries that are not on the list", () => {
  it.each([
    "evil.example.com/v2/",
    "registry.example.com:444/v2/",
    "registry.example.com./v2/",
    "registry.example.com@evil.example.com/v2/",
    "registry.example.com%40evil.example.com/v2/",
    "evil.example.com%23registry.example.com/v2/",
    "127.0.0.1/v2/",
    "0x7f000001/v2/",
    "169.254.169.254/v2/",
    "[::1]/v2/",
    "registry-1.docker.io/v2/",
    "evil.example.com/token?realm=https%3A%2F%2Fevil.example.com%2F",
  ])("are refused: %s", async (path) => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok });
    expect(await codeOf(await ask(path))).toBe("403 DENIED");
    expect(sent).toEqual([]);
  });

  it("are never contacted, whatever the address", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ..."/ \\ // @ : ? # % %2f %5c %2e . .. ../ %00 %0d%0a ; & = [ ] ::1 127.0.0.1 http: https: v2 v2/ token realm= manifests blobs uploads latest".split(
          " ",
        ),
        "docker.io",
        "registry.example.com",
        "evil.example.com",
        "https://evil.example.com/",
        D,
      ),
      fc.string({ maxLength: 8 }),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE");
    const { ask, sent } = relayTo(
      { [REGISTRY]: ok, [HUB]: ok },
      { actions: ["pull", "push", "delete"], origins: "*", insecure: true },
    );
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          path,
          path.map((rest) => `docker.io/v2/${rest}`),
          path.map((rest) => `registry.example.com/token?realm=${rest}`),
          path.map((rest) => `registry.example.com/v2/a/manifests/1${rest}`),
        ),
        method,
        async (text, verb) => {
          const before = sent.length;
          const url = `${RELAY}/${text}`;
          if (!URL.canParse(url)) return;
          // Dots may lead out of the prefix: that is somebody else's.
          await ask(url, { method: verb }).catch((error: Error) =>
            expect(error.message).toMatch(/is not the relay's$/),
          );
          for (const request of sent.slice(before)) {
            reached++;
            const to = new URL(request.url);
            expect([REGISTRY, HUB]).toContain(to.origin);
            expect(to.pathname).toMatch(/^\/v2\//);
            expect(to.pathname).not.toMatch(/%|\/\/|\/\.\.?(?:\/|$)/);
            expect([to.username, to.password]).toEqual(["", ""]);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(reached).toBeGreaterThan(100);
  });
});

describe("what may be done", () => {
  const calls = [
    ["pull", "GET", `a/blobs/${D}`],
    ["pull", "HEAD", "a/manifests/1"],
    ["push", "POST", "a/blobs/uploads/"],
    ["push", "PATCH", "a/blobs/uploads/id?_state=x"],
    ["push", "PUT", `a/blobs/uploads/id?digest=${D}`],
    ["push", "PUT", "a/manifests/1"],
    ["push", "GET", "a/blobs/uploads/id"],
    ["push", "DELETE", "a/blobs/uploads/id"],
    ["push", "PUT", "a/blobs/upload/id"],
    ["delete", "DELETE", `a/manifests/${D}`],
    ["delete", "DELETE", `a/blobs/${D}`],
  ] as const;

  it.each(["pull", "push", "delete"] as const)("is only what the actions say: %s", async (action) => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok }, { actions: [action] });
    for (const [needed, method, path] of calls) {
      const response = await ask(`registry.example.com/v2/${path}`, { method });
      expect([method, path, response.status]).toEqual([method, path, needed === action ? 200 : 405]);
    }
    expect(sent.length).toBe(calls.filter(([needed]) => needed === action).length);
  });

  it("is pulling, by default", async () => {
    const { ask } = relayTo({ [REGISTRY]: ok });
    const response = await ask("registry.example.com/v2/a/manifests/1", { method: "PUT", body: "{}" });
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(await codeOf(response)).toBe("405 UNSUPPORTED");
  });

  it("can be limited to repositories, also as the source of a mount", async () => {
    const { ask, sent } = relayTo(
      { [REGISTRY]: ok },
      {
        actions: ["pull", "push"],
        repositories: (name, registry) => registry !== "docker.io" && name.startsWith("open/"),
      },
    );
    expect((await ask("registry.example.com/v2/")).status).toBe(200);
    expect((await ask("registry.example.com/v2/open/a/manifests/1")).status).toBe(200);
    expect(await codeOf(await ask("registry.example.com/v2/shut/a/manifests/1"))).toBe("403 DENIED");
    expect(await codeOf(await ask("docker.io/v2/open/a/manifests/1"))).toBe("403 DENIED");
    const mount = (from: string) =>
      ask(`registry.example.com/v2/open/a/blobs/uploads/?mount=${D}&from=${from}`, { method: "POST" });
    expect((await mount("open/b")).status).toBe(200);
    expect(await codeOf(await mount("shut/b"))).toBe("403 DENIED");
    expect(await codeOf(await mount("open/b&from=shut/b"))).toBe("403 DENIED");
    expect(sent.length).toBe(3);
  });
});

describe("headers", () => {
  it("of a request go on only where a registry needs them", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok }, { origins: "*" });
    await ask("registry.example.com/v2/a/manifests/1", {
      headers: {
        accept: "application/vnd.oci.image.index.v1+json",
        authorization: "Bearer secret",
        range: "bytes=5-",
        cookie: "session=1",
        origin: "https://page.example.com",
        referer: "https://page.example.com/",
        "x-forwarded-for": "192.0.2.1",
        "cf-connecting-ip": "192.0.2.1",
        "sec-fetch-mode": "cors",
        "accept-encoding": "gzip",
        host: "evil.example.com",
        "x-amz-security-token": "x",
        "proxy-authorization": "Basic eA==",
      },
    });
    expect(Object.fromEntries(sent[0]?.headers ?? [])).toEqual({
      accept: "application/vnd.oci.image.index.v1+json",
      "accept-encoding": "identity",
      authorization: "Bearer secret",
      range: "bytes=5-",
      "user-agent": "slipway-relay",
    });
  });

  it("of an answer come back only where a client needs them", async () => {
    const { ask } = relayTo({
      [REGISTRY]: () =>
        new Response("x", {
          status: 206,
          headers: {
            "content-type": "text/html",
            "content-length": "1",
            "content-range": "bytes 5-5/6",
            "docker-content-digest": D,
            "oci-chunk-min-length": "5",
            "retry-after": "3",
            etag: '"e"',
            server: "nginx",
            "set-cookie": "a=b",
            "access-control-allow-origin": "*",
            "access-control-allow-credentials": "true",
            "strict-transport-security": "max-age=1",
            refresh: "0; url=https://evil.example.com",
          },
        }),
    });
    const response = await ask(`registry.example.com/v2/a/blobs/${D}`);
    expect(response.status).toBe(206);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/octet-stream",
      "content-length": "1",
      "content-range": "bytes 5-5/6",
      "docker-content-digest": D,
      "oci-chunk-min-length": "5",
      "retry-after": "3",
      etag: '"e"',
      vary: "Origin, Sec-Fetch-Site",
      // A blob that is opened as a page can do nothing.
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
    });
  });

  it("keep the length of an answer to HEAD, and drop one that is not the body's", async () => {
    const { ask } = relayTo({
      [REGISTRY]: ({ method }) =>
        method === "HEAD"
          ? new Response(null, { headers: { "content-length": "1234" } })
          : new Response("unpacked by fetch", { headers: { "content-length": "5", "content-encoding": "gzip" } }),
    });
    const head = await ask("registry.example.com/v2/a/manifests/1", { method: "HEAD" });
    expect([head.headers.get("content-length"), head.body]).toEqual(["1234", null]);
    const get = await ask("registry.example.com/v2/a/manifests/1");
    expect([get.headers.get("content-length"), await get.text()]).toEqual([null, "unpacked by fetch"]);
  });

  it.each([
    ["/v2/a/blobs/uploads/id?_state=a%2Fb", "/registry/registry.example.com/v2/a/blobs/uploads/id?_state=a%2Fb"],
    [`${REGISTRY}/v2/a/blobs/uploads/id`, "/registry/registry.example.com/v2/a/blobs/uploads/id"],
    ["http://registry.example.com/v2/a/blobs/uploads/id", "/registry/registry.example.com/v2/a/blobs/uploads/id"],
    ["id", "/registry/registry.example.com/v2/a/blobs/uploads/id"],
  ])("lead an upload through the relay: %s", async (location, expected) => {
    const { ask } = relayTo(
      { [REGISTRY]: () => new Response(null, { status: 202, headers: { location } }) },
      { actions: ["push"] },
    );
    const response = await ask("registry.example.com/v2/a/blobs/uploads/", { method: "POST" });
    expect([response.status, response.headers.get("location")]).toEqual([202, expected]);
  });

  it.each([
    "https://evil.example.com/v2/a/blobs/uploads/id",
    "https://registry.example.com:8443/v2/a/blobs/uploads/id",
    "https://user:password@registry.example.com/v2/a/blobs/uploads/id",
    "https://registry.example.com@evil.example.com/v2/a/blobs/uploads/id",
    "https://registry.example.com.evil.example.com/v2/a/blobs/uploads/id",
    "https://registry.example.com./v2/a/blobs/uploads/id",
    "ftp://registry.example.com/v2/a/blobs/uploads/id",
    "http://registry.example.com:8080/v2/a/blobs/uploads/id",
    "https://127.0.0.1/v2/a/blobs/uploads/id",
    "https://[::ffff:7f00:1]/v2/a/blobs/uploads/id",
    "//10.0.0.1/v2/a/blobs/uploads/id",
    "\\\\10.0.0.1\\v2\\a\\blobs\\uploads\\id",
    "/v2/a/blobs/uploads/id%0d%0aset-cookie:x=y",
    "javascript:alert(1)",
    "http://169.254.169.254/latest/meta-data/",
    "/admin",
    "/v2/a/blobs/uploads/..%2f..%2fadmin",
    "https://[",
  ])("do not lead an upload elsewhere: %s", async (location) => {
    for (const status of [202, 307]) {
      const { ask } = relayTo(
        { [REGISTRY]: () => new Response(null, { status, headers: { location } }) },
        { actions: ["push"] },
      );
      const response = await ask("registry.example.com/v2/a/blobs/uploads/", { method: "POST" });
      expect(response.headers.get("location")).toBeNull();
      expect(await codeOf(response)).toBe("403 DENIED");
    }
  });

  it("leave out where a pushed blob lies, if that is elsewhere", async () => {
    const headers = { location: "https://storage.example.com/blob" };
    const { ask } = relayTo({ [REGISTRY]: () => new Response(null, { status: 201, headers }) }, { actions: ["push"] });
    const response = await ask(`registry.example.com/v2/a/blobs/uploads/id?digest=${D}`, { method: "PUT" });
    expect([response.status, response.headers.get("location")]).toEqual([201, null]);
  });

  it("lead to the next page through the relay", async () => {
    const link = `</v2/a/tags/list?n=2&last=b>; rel="next", <https://evil.example.com/v2/>; rel="next"; title="a, b"`;
    const { ask } = relayTo({ [REGISTRY]: () => new Response("{}", { headers: { link } }) });
    const response = await ask("registry.example.com/v2/a/tags/list?n=2");
    expect(response.headers.get("link")).toBe('</registry/registry.example.com/v2/a/tags/list?n=2&last=b>; rel="next"');
  });
});

describe("pages of other origins", () => {
  const origins = ["https://page.example.com"];
  const preflight = (method: string, origin = "https://page.example.com") => ({
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      "access-control-request-headers": "authorization,content-type",
    },
  });

  it("may read what clients need to know", async () => {
    const { ask } = relayTo({ [REGISTRY]: ok }, { origins });
    const response = await ask("registry.example.com/v2/", { headers: { origin: "https://page.example.com" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("https://page.example.com");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(response.headers.get("vary")).toBe("Origin, Sec-Fetch-Site");
    expect(response.headers.get("access-control-expose-headers")?.split(", ")).toEqual(
      expect.arrayContaining(
        [
          "Docker-Content-Digest",
          "Location",
          "Link",
          "Range",
          "WWW-Authenticate",
          "OCI-Subject",
          "OCI-Chunk-Min-Length",
          "OCI-Filters-Applied",
          "Retry-After",
          "Content-Range",
          "Content-Length",
        ].map((name) => name.toLowerCase()),
      ),
    );
  });

  it("are answered before they ask", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok }, { origins, actions: ["pull", "push"] });
    const response = await ask("registry.example.com/v2/a/manifests/1", preflight("PUT"));
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(response.headers.get("access-control-allow-methods")).toBe("GET, HEAD, PUT");
    expect(response.headers.get("access-control-allow-headers")?.split(", ")).toEqual(
      expect.arrayContaining(["authorization", "accept", "content-type", "content-range", "range"]),
    );
    expect(response.headers.get("access-control-max-age")).toBe("86400");
    const token = await ask("registry.example.com/token", preflight("POST"));
    expect(token.headers.get("access-control-allow-methods")).toBe("GET, POST");
    expect(sent).toEqual([]);
  });

  it("may read what is wrong", async () => {
    const { ask } = relayTo({}, { origins });
    const response = await ask("evil.example.com/v2/", { headers: { origin: "https://page.example.com" } });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([
      403,
      "https://page.example.com",
    ]);
  });

  it.each(["https://evil.example.com", "http://page.example.com", "https://page.example.com:444", "null"])(
    "are refused if they are not on the list: %s",
    async (origin) => {
      const { ask, sent } = relayTo({ [REGISTRY]: ok }, { origins });
      for (const init of [{ headers: { origin } }, preflight("GET", origin)]) {
        const response = await ask("registry.example.com/v2/", init);
        expect(response.headers.get("access-control-allow-origin")).toBeNull();
        expect(await codeOf(response)).toBe("403 DENIED");
      }
      expect(sent).toEqual([]);
    },
  );

  it("are not needed: pages of the relay's own origin may ask, which need not name it to read", async () => {
    const { ask } = relayTo({ [REGISTRY]: ok }, { allowNoOrigin: false });
    for (const headers of [{ origin: new URL(RELAY).origin }, { "sec-fetch-site": "same-origin" }]) {
      const response = await ask("registry.example.com/v2/", { headers });
      expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, null]);
    }
  });
});

describe("callers that name no origin", () => {
  it.each<readonly [string, Record<string, string>]>([
    ["programs that are no pages", {}],
    ["somebody who types the address", { "sec-fetch-site": "none" }],
    ["pages of another site that show an image", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
    ["pages of another host of the same site", { "sec-fetch-site": "same-site" }],
    ["what is no word of that header", { "sec-fetch-site": "same-origin, same-origin" }],
    ["a referrer that says so", { referer: `${RELAY}/` }],
    ["a host that says so", { host: "relay.example.com", "x-forwarded-host": "relay.example.com" }],
  ])("are refused: %s", async (_who, headers) => {
    const { ask, sent } = relayTo({ [REGISTRY]: ok }, { allowNoOrigin: undefined, origins: "*", actions: ["push"] });
    for (const path of ["registry.example.com/v2/", "registry.example.com/token?realm=x", "evil.example.com/v2/"]) {
      for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
        const response = await ask(path, { headers, method });
        expect([method, response.status]).toEqual([method, 403]);
        expect(response.headers.get("content-type")).toBe("application/json");
      }
    }
    expect(await codeOf(await ask("registry.example.com/v2/", { headers }))).toBe("403 DENIED");
    expect(sent).toEqual([]);
  });

  it("are not taken for pages of the relay's own origin where they name another one", async () => {
    const { ask } = relayTo({ [REGISTRY]: ok });
    const headers = { "sec-fetch-site": "same-origin", origin: "https://evil.example.com" };
    expect(await codeOf(await ask("registry.example.com/v2/", { headers }))).toBe("403 DENIED");
  });

  it("may be let in, all of them or by a token", async () => {
    const { ask } = relayTo({ [REGISTRY]: ok }, { allowNoOrigin: true });
    expect((await ask("registry.example.com/v2/")).status).toBe(200);
    const guarded = relayTo(
      { [REGISTRY]: ok },
      { allowNoOrigin: async ({ headers }) => headers.get("x-relay-token") === "secret" },
    );
    const get = (headers: Record<string, string>) => guarded.ask("registry.example.com/v2/", { headers });
    expect((await get({ "x-relay-token": "secret" })).status).toBe(200);
    expect((await get({ "x-relay-token": "wrong" })).status).toBe(403);
    expect((await get({})).status).toBe(403);
    // A token is no way in for pages.
    expect((await get({ "x-relay-token": "secret", origin: "https://evil.example.com" })).status).toBe(403);
    expect(guarded.sent.map(({ headers }) => headers.get("x-relay-token"))).toEqual([null]);
  });

  it("are refused where the judge of them fails", async () => {
    const judge = (): boolean => {
      throw new Error("a secret of the operator");
    };
    const { ask, sent } = relayTo({ [REGISTRY]: ok }, { allowNoOrigin: judge });
    const response = await ask("registry.example.com/v2/");
    expect([response.status, sent.length]).toEqual([500, 0]);
    expect(await response.text()).not.toContain("secret");
  });
});

describe("every answer of a relay", () => {
  const INERT = ["default-src 'none'; sandbox", "nosniff"];
  const hostile: Server = ({ method }) =>
    new Response(method === "HEAD" ? null : "<script>alert(1)</script>", {
      headers: {
        "content-type": "text/html",
        "content-security-policy": "script-src *",
        "x-content-type-options": "none",
      },
    });
  it.each<readonly [string, string, RequestInit]>([
    ["a manifest", "registry.example.com/v2/a/manifests/1", {}],
    ["its headers", "registry.example.com/v2/a/manifests/1", { method: "HEAD" }],
    ["an upload", "registry.example.com/v2/a/blobs/uploads/", { method: "POST" }],
    ["an error of its own", "evil.example.com/v2/", {}],
    ["what is not there", "registry.example.com/other", {}],
    ["a method that is not allowed", `registry.example.com/v2/a/blobs/${D}`, { method: "DELETE" }],
    ["a page that is not allowed", "registry.example.com/v2/", { headers: { origin: "https://evil.example.com" } }],
    [
      "a preflight",
      "registry.example.com/v2/",
      {
        method: "OPTIONS",
        headers: { origin: "https://page.example.com", "access-control-request-method": "GET" },
      },
    ],
  ])("can be no page: %s", async (_what, path, init) => {
    const { ask } = relayTo(
      { [REGISTRY]: hostile },
      { actions: ["pull", "push"], origins: ["https://page.example.com"] },
    );
    const { headers } = await ask(path, init);
    expect([headers.get("content-security-policy"), headers.get("x-content-type-options")]).toEqual(INERT);
    expect(headers.get("content-type") ?? "none").toMatch(/^(?:none|application\/(?:json|octet-stream))$/);
  });

  it.each([
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.manifest.v1+json"],
    ["application/vnd.docker.distribution.manifest.list.v2+json", undefined],
    ["application/json; charset=utf-8", "application/json"],
    ["Application/JSON", "application/json"],
    ["text/html; charset=utf-8", "application/octet-stream"],
    ["image/svg+xml", "application/octet-stream"],
    ["application/xhtml+xml", "application/octet-stream"],
    ["application/json, text/html", "application/octet-stream"],
    ["multipart/x-mixed-replace;boundary=x", "application/octet-stream"],
    ["", "application/octet-stream"],
  ])("has a type from a closed list: %j", async (type, expected) => {
    const { ask } = relayTo({ [REGISTRY]: () => new Response("{}", { headers: { "content-type": type } }) });
    const response = await ask("registry.example.com/v2/a/manifests/1");
    expect(response.headers.get("content-type")).toBe(expected ?? type);
  });
});

describe("redirects", () => {
  const leads =
    (location: string, status = 307): Server =>
    () =>
      new Response(null, { status, headers: { location } });
  const blob = `registry.example.com/v2/a/blobs/${D}`;

  it("of blobs are followed to public hosts, without credentials", async () => {
    const { ask, sent } = relayTo({
      [REGISTRY]: leads("https://cdn.example.net/one"),
      "https://cdn.example.net": leads("/two?signature=x", 302),
    });
    await ask(blob, { headers: { authorization: "Bearer secret", range: "bytes=1-" } });
    const { ask: askAgain, sent: sentAgain } = relayTo({
      [REGISTRY]: ({ url }) => (url.endsWith("/stored") ? new Response("blob") : leads("/stored")({} as never)),
    });
    expect(await (await askAgain(blob, { headers: { authorization: "Bearer secret" } })).text()).toBe("blob");
    expect(
      sent.slice(0, 3).map(({ url, headers }) => [url, headers.get("authorization"), headers.get("range")]),
    ).toEqual([
      [`${REGISTRY}/v2/a/blobs/${D}`, "Bearer secret", "bytes=1-"],
      ["https://cdn.example.net/one", null, "bytes=1-"],
      ["https://cdn.example.net/two?signature=x", null, "bytes=1-"],
    ]);
    expect(sentAgain.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer secret", "Bearer secret"]);
  });

  it("do not bring credentials back to where they came from", async () => {
    const { ask, sent } = relayTo({
      [REGISTRY]: ({ url }) =>
        url.endsWith("/end") ? new Response("end") : leads("https://cdn.example.net/")({} as never),
      "https://cdn.example.net": leads(`${REGISTRY}/end`),
    });
    expect(await (await ask(blob, { headers: { authorization: "Bearer secret" } })).text()).toBe("end");
    expect(sent.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer secret", null, null]);
  });

  it.each([
    ["to a private address", "https://10.0.0.1/"],
    ["to where credentials are", "https://169.254.169.254/latest/meta-data/"],
    ["to plain http", "http://cdn.example.net/"],
    ["back to the registry on another port", "https://registry.example.com:8443/"],
    ["to a name and password", "https://user:password@cdn2.example.net/"],
  ])("are judged at each step, not only the first: %s", async (_what, end) => {
    const { ask, sent } = relayTo({
      [REGISTRY]: leads("https://cdn.example.net/one"),
      "https://cdn.example.net": leads(end, 302),
    });
    expect(await codeOf(await ask(blob, { headers: { authorization: "Bearer secret" } }))).toBe("403 DENIED");
    expect(sent.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
      [`${REGISTRY}/v2/a/blobs/${D}`, "Bearer secret"],
      ["https://cdn.example.net/one", null],
    ]);
  });

  it("are bounded", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: leads("/again") });
    expect(await codeOf(await ask(blob))).toBe("502 UNAVAILABLE");
    expect(sent.length).toBe(6);
  });

  it.each([
    "http://cdn.example.net/",
    "https://cdn.example.net:8443/",
    "https://user:password@cdn.example.net/",
    "ftp://cdn.example.net/",
    "file:///etc/passwd",
    "data:text/plain,x",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://metadata/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://router.home.arpa/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://%E2%91%A0%E2%91%A1%E2%91%A6.%E2%93%AA.%E2%93%AA.%E2%91%A0/",
    "https://0.0.0.0/",
    "https://10.1.2.3/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "//10.0.0.1/",
    "\\\\10.0.0.1\\",
  ])("do not lead to %s", async (location) => {
    const { ask, sent } = relayTo({ [REGISTRY]: leads(location) });
    const response = await ask(blob);
    expect(response.headers.get("location")).toBeNull();
    expect(await codeOf(response)).toBe("403 DENIED");
    expect(sent.length).toBe(1);
  });

  it.each([
    "https://172.32.0.1/",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://local.example.net/",
    "https://127.0.0.1.example.net/",
  ])("may lead to %s", async (location) => {
    const { ask, sent } = relayTo({ [REGISTRY]: leads(location), [new URL(location).origin]: ok });
    expect((await ask(blob)).status).toBe(200);
    expect(sent[1]?.url).toBe(location);
  });

  it("may lead to hosts that are named, still by https", async () => {
    const redirectHosts = ["minio.internal:9000", "127.0.0.1:9000"];
    const to = (location: string, insecure = false) =>
      relayTo({ [REGISTRY]: leads(location), [new URL(location).origin]: ok }, { redirectHosts, insecure });
    expect((await to("https://minio.internal:9000/x").ask(blob)).status).toBe(200);
    expect((await to("http://minio.internal:9000/x", true).ask(blob)).status).toBe(403);
    expect((await to("http://127.0.0.1:9000/x").ask(blob)).status).toBe(403);
    expect((await to("http://127.0.0.1:9000/x", true).ask(blob)).status).toBe(200);
    expect((await to("https://minio.internal:9001/x").ask(blob)).status).toBe(403);
  });

  it("give a storage no say in who gets credentials", async () => {
    const { ask, sent } = relayTo({
      [REGISTRY]: ({ url }) => (url.endsWith("/v2/") ? new Response() : leads("https://cdn.example.net/")({} as never)),
      "https://cdn.example.net": () =>
        new Response("", {
          status: 401,
          headers: { "www-authenticate": 'Bearer realm="https://cdn.example.net/token"' },
        }),
    });
    const response = await ask(blob);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, null]);
    const token = await ask("registry.example.com/token?realm=https%3A%2F%2Fcdn.example.net%2Ftoken");
    expect(await codeOf(token)).toBe("403 DENIED");
    expect(sent.map(({ url }) => url).filter((url) => url.includes("token"))).toEqual([]);
  });

  it("of uploads go back to the client, which has the bytes", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: leads("/v2/b/blobs/uploads/") }, { actions: ["push"] });
    const response = await ask("registry.example.com/v2/a/blobs/uploads/", { method: "POST" });
    expect([response.status, response.headers.get("location")]).toEqual([
      307,
      "/registry/registry.example.com/v2/b/blobs/uploads/",
    ]);
    expect(sent.length).toBe(1);
  });
});

describe("tokens", () => {
  const SERVICE = "https://auth.example.net";
  const realm = `${SERVICE}/token?tenant=1`;
  const challenge =
    (address: string): Server =>
    () =>
      new Response('{"errors":[{"code":"UNAUTHORIZED"}]}', {
        status: 401,
        headers: {
          "www-authenticate": `Basic realm="old", Bearer realm="${address}",service="registry",scope="repository:a:pull,push"`,
        },
      });
  const service: Server = ({ url }) =>
    new Response(JSON.stringify({ token: url }), { headers: { "set-cookie": "a=b" } });

  it("come from the service that the registry names, through the relay", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: challenge(realm), [SERVICE]: service });
    const refused = await ask("registry.example.com/v2/a/manifests/1");
    const own = `${RELAY}/registry.example.com/token?realm=${encodeURIComponent(realm)}`;
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      `Basic realm="old", Bearer realm="${own}",service="registry",scope="repository:a:pull,push"`,
    ]);
    const headers = { authorization: "Basic dXNlcjpwYXNz", cookie: "x=y" };
    const response = await ask(`${own}&service=registry&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull`, {
      headers,
    });
    const address = `${realm}&service=registry&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull`;
    expect(await response.json()).toEqual({ token: address });
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(sent.slice(1).map(({ method, url }) => `${method} ${url}`)).toEqual([`GET ${address}`]);
    expect(sent[1]?.headers.get("authorization")).toBe("Basic dXNlcjpwYXNz");
    expect(sent[1]?.headers.get("cookie")).toBeNull();
  });

  it("are found by a relay that remembers nothing: it asks the registry, without credentials", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: challenge(realm), [SERVICE]: service });
    const own = `registry.example.com/token?realm=${encodeURIComponent(realm)}`;
    for (let i = 0; i < 2; i++) expect((await ask(own, { headers: { authorization: "Basic eA==" } })).status).toBe(200);
    expect(sent.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
      [`${REGISTRY}/v2/`, null],
      [realm, "Basic eA=="],
      [realm, "Basic eA=="],
    ]);
  });

  it("are asked of the registry again when it is long since", async () => {
    let now = 0;
    const timers = { now: () => now, sleep: () => new Promise<void>(() => undefined), random: () => 0 };
    let named = realm;
    const { ask } = relayTo({ [REGISTRY]: (sent) => challenge(named)(sent), [SERVICE]: service }, { timers });
    const own = `registry.example.com/token?realm=${encodeURIComponent(realm)}`;
    expect((await ask(own)).status).toBe(200);
    named = "https://new.example.net/token";
    expect((await ask(own)).status).toBe(200);
    now += 300_001;
    expect(await codeOf(await ask(own))).toBe("403 DENIED");
  });

  it("may have a service that is named only where one is needed", async () => {
    const { ask, sent } = relayTo({
      [REGISTRY]: (request) => (request.url.endsWith("/v2/") ? new Response("{}") : challenge(realm)(request)),
      [SERVICE]: service,
    });
    const own = `registry.example.com/token?realm=${encodeURIComponent(realm)}`;
    expect(await codeOf(await ask(own))).toBe("403 DENIED");
    expect(await codeOf(await ask(`${own}&scope=repository%3A..%2F..%3Apull`))).toBe("403 DENIED");
    expect((await ask(`${own}&scope=repository%3Aa%3Apull`)).status).toBe(200);
    expect(sent.map(({ url }) => new URL(url).pathname)).toEqual(["/v2/", "/v2/", "/v2/", "/v2/a/tags/list", "/token"]);
  });

  it.each([
    "",
    "https://evil.example.com/token",
    `${SERVICE}/other`,
    `${SERVICE}:444/token?tenant=1`,
    "http://auth.example.net/token?tenant=1",
    "http://169.254.169.254/",
    "https://user:password@auth.example.net/token?tenant=1",
    `${realm}#`,
  ])("are not asked for elsewhere: %j", async (other) => {
    const { ask, sent } = relayTo({ [REGISTRY]: challenge(realm), [SERVICE]: service });
    const response = await ask(`registry.example.com/token?realm=${encodeURIComponent(other)}`);
    expect(await codeOf(response)).toBe("403 DENIED");
    expect(sent.filter(({ url }) => url !== `${REGISTRY}/v2/`)).toEqual([]);
  });

  it.each([
    "https://localhost/token",
    "https://127.0.0.1/token",
    "https://2130706433/token",
    "https://0x7f.1/token",
    "https://0177.0.0.1/token",
    "https://127.0.0.1./token",
    "https://10.0.0.1/token",
    "https://100.64.0.1/token",
    "https://172.16.0.1/token",
    "https://192.168.1.1/token",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://[::1]/token",
    "https://[::ffff:10.0.0.1]/token",
    "https://[fe80::1]/token",
    "https://[fd00:ec2::254]/token",
    "https://router.lan/token",
    "https://intranet/token",
    "https://auth.example.net:8443/token",
    "https://auth.example.net:22/token",
    "https://registry.example.com:8443/token",
    "http://registry.example.com/token",
    "http://127.0.0.1/token",
    "ftp://auth.example.net/token",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://user@auth.example.net/token",
    "https://registry.example.com@evil.example.com/token",
    "//auth.example.net/token",
    "/token",
    "token",
  ])("are not asked for there, even if the registry says so: %s", async (address) => {
    const { ask, sent } = relayTo({ [REGISTRY]: challenge(address) }, { insecure: true });
    // Named just now or long since: neither makes it a place that a registry may name.
    const token = `registry.example.com/token?realm=${encodeURIComponent(address)}`;
    const headers = { authorization: "Basic c2VjcmV0" };
    expect(await codeOf(await ask(token, { headers }))).toBe("403 DENIED");
    const refused = await ask("registry.example.com/v2/");
    const [, own = ""] = /realm="([^"]+)",service/.exec(refused.headers.get("www-authenticate") ?? "") ?? [];
    expect(own.startsWith(`${RELAY}/registry.example.com/token?realm=`)).toBe(true);
    expect(await codeOf(await ask(own, { headers }))).toBe("403 DENIED");
    expect(await codeOf(await ask(own, { headers, method: "POST", body: new URLSearchParams({ a: "b" }) }))).toBe(
      "403 DENIED",
    );
    for (const { url, headers: told } of sent)
      expect([url, told.get("authorization")]).toEqual([`${REGISTRY}/v2/`, null]);
  });

  it.each([
    ["the registry's own origin", "https://registry.internal:5000", "https://registry.internal:5000", [], 200],
    ["a host that is named", "https://auth.internal:8443", REGISTRY, ["auth.internal:8443"], 200],
    ["another port of it", "https://auth.internal:8444", REGISTRY, ["auth.internal:8443"], 403],
    ["another port of loopback, as the registry", "http://127.0.0.1:5001", "http://127.0.0.1:5000", [], 200],
    ["loopback, as the registry, by https", "https://127.0.0.1:5001", "http://127.0.0.1:5000", [], 403],
    ["the network, unlike the registry", "http://10.0.0.1:5001", "http://127.0.0.1:5000", [], 403],
    ["loopback, unlike the registry", "http://127.0.0.1:5001", "https://registry.internal:5000", [], 403],
  ] as const)("may be asked for where the operator says so: %s", async (_what, at, registry, redirectHosts, status) => {
    const name = new URL(registry).host;
    const { ask } = relayTo(
      { [at]: service, [registry]: (sent) => (sent.url.includes("/token") ? service : challenge(`${at}/token`))(sent) },
      { registries: [name], redirectHosts, insecure: true },
    );
    const token = await ask(`${name}/token?realm=${encodeURIComponent(`${at}/token`)}`);
    expect(token.status).toBe(status);
  });

  it("are not asked for by http, even if the registry says so", async () => {
    const { ask, sent } = relayTo({ [REGISTRY]: challenge("http://auth.example.net/token") });
    await ask("registry.example.com/v2/");
    const response = await ask("registry.example.com/token?realm=http%3A%2F%2Fauth.example.net%2Ftoken");
    expect(await codeOf(response)).toBe("403 DENIED");
    expect(sent.length).toBe(1);
  });

  it("can be asked for by a form, even where nothing may be pushed", async () => {
    const bodies: string[] = [];
    const { ask } = relayTo({
      [REGISTRY]: challenge(realm),
      [SERVICE]: async ({ body }) => {
        bodies.push(new TextDecoder().decode(body as Uint8Array));
        return new Response("{}");
      },
    });
    const own = `registry.example.com/token?realm=${encodeURIComponent(realm)}`;
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "r&r", service: "registry" });
    expect((await ask(own, { method: "POST", body: form })).status).toBe(200);
    expect(bodies).toEqual(["grant_type=refresh_token&refresh_token=r%26r&service=registry"]);
    expect((await ask(own, { method: "POST", body: "{}" })).status).toBe(415);
    const large = new URLSearchParams({ x: "x".repeat(70_000) });
    expect(await codeOf(await ask(own, { method: "POST", body: large }))).toBe("413 SIZE_INVALID");
    expect((await ask(own, { method: "DELETE" })).status).toBe(405);
  });

  it("do not lead elsewhere", async () => {
    const { ask } = relayTo({
      [REGISTRY]: challenge(realm),
      [SERVICE]: () => new Response(null, { status: 302, headers: { location: "https://evil.example.com/" } }),
    });
    const response = await ask(`registry.example.com/token?realm=${encodeURIComponent(realm)}`);
    expect(await codeOf(response)).toBe("502 UNAVAILABLE");
  });

  it.each([
    ['Bearer realm="https://auth.example.net/token', "has no end", "Bearer"],
    ["Bearer realm=https://auth.example.net/token", "has no quotes", undefined],
    ['Bearer realm="https://a.example.net/", realm="https://auth.example.net/token"', "comes twice", undefined],
  ])(
    "of a challenge whose realm %s %s are asked for through the relay, or not at all",
    async (header, _what, expected) => {
      const { ask } = relayTo({
        [REGISTRY]: () => new Response("", { status: 401, headers: { "www-authenticate": header } }),
      });
      const challenged = (await ask("registry.example.com/v2/")).headers.get("www-authenticate") ?? "";
      if (expected !== undefined) expect(challenged).toBe(expected);
      else
        expect(challenged).toMatch(
          /^Bearer realm="https:\/\/relay\.example\.com\/registry\/registry\.example\.com\/token\?realm=[\w.%]+"$/,
        );
    },
  );
});

describe("bodies", () => {
  const MIB = 1024 * 1024;
  const blob = `registry.example.com/v2/a/blobs/${D}`;
  const upload = `registry.example.com/v2/a/blobs/uploads/id?digest=${D}`;
  const discarding: Server = async ({ body }) => {
    for await (const _ of chunksOf(body ?? new Uint8Array()));
    return new Response(null, { status: 201 });
  };

  it("of answers are read only as fast as the client reads", async () => {
    const { stream, made } = madeOnDemand(1000, MIB);
    const { ask } = relayTo({
      [REGISTRY]: () => new Response(stream, { headers: { "content-length": String(1000 * MIB) } }),
    });
    const response = await ask(blob);
    const reader = response.body?.getReader();
    for (let read = 1; read <= 50; read++) {
      expect((await reader?.read())?.value?.byteLength).toBe(MIB);
      expect(made() - read).toBeLessThanOrEqual(4);
    }
    await reader?.cancel();
    expect(made()).toBeLessThanOrEqual(54);
  });

  it("of requests are read only as fast as the registry reads", async () => {
    const { stream, made } = madeOnDemand(1000, MIB);
    let behind = 0;
    const { ask } = relayTo(
      {
        [REGISTRY]: async ({ body, headers }) => {
          expect(headers.get("content-length")).toBe(String(1000 * MIB));
          let read = 0;
          for await (const _ of chunksOf(body ?? new Uint8Array())) {
            behind = Math.max(behind, made() - ++read);
            if (read === 50) break;
          }
          return new Response(null, { status: 500 });
        },
      },
      { actions: ["push"] },
    );
    const headers = { "content-length": String(1000 * MIB) };
    expect((await ask(upload, { method: "PUT", body: stream, duplex: "half", headers })).status).toBe(500);
    expect(behind).toBeLessThanOrEqual(5);
    expect(made()).toBeLessThanOrEqual(55);
  });

  it("come whole and as they are", async () => {
    const received: Uint8Array[] = [];
    const { ask } = relayTo(
      {
        [REGISTRY]: async ({ body }) => {
          const bytes = await readAll(body ?? new Uint8Array(), MIB);
          received.push(bytes);
          return new Response(bytes, { status: 201 });
        },
      },
      { actions: ["push"] },
    );
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    const response = await ask(upload, { method: "PATCH", body: bytes });
    expect(received).toEqual([bytes]);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  });

  it.each([
    ["by what it says", { "content-length": "1001" }],
    ["by what comes", {}],
  ])("of requests are limited %s", async (_how, headers) => {
    const { ask } = relayTo({ [REGISTRY]: discarding }, { actions: ["push"], requestLimit: 1000 });
    const put = (size: number, length: Record<string, string>) =>
      ask(upload, { method: "PUT", body: madeOnDemand(size / 7, 7).stream, duplex: "half", headers: length });
    expect(await codeOf(await put(1001, headers))).toBe("413 SIZE_INVALID");
    expect((await put(994, {})).status).toBe(201);
  });

  it.each([
    ["longer", 7, "6"],
    ["shorter", 7, "8"],
  ])("of requests that are %s than they say are not taken", async (_how, size, length) => {
    const { ask } = relayTo({ [REGISTRY]: discarding }, { actions: ["push"] });
    const body = madeOnDemand(1, size).stream;
    const response = await ask(upload, { method: "PUT", body, duplex: "half", headers: { "content-length": length } });
    expect(await codeOf(response)).toBe("502 UNAVAILABLE");
  });

  it("of answers are limited by what they say and by what comes", async () => {
    const answering = (headers: Record<string, string>) =>
      relayTo({ [REGISTRY]: () => new Response(madeOnDemand(143, 7).stream, { headers }) }, { responseLimit: 1000 });
    expect(await codeOf(await answering({ "content-length": "1001" }).ask(blob))).toBe("502 UNAVAILABLE");
    const response = await answering({}).ask(blob);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow("more than 1000 bytes");
  });

  it("of answers that are cut short fail", async () => {
    const { ask } = relayTo({
      [REGISTRY]: () => new Response("short", { headers: { "content-length": "10" } }),
    });
    await expect((await ask(blob)).text()).rejects.toThrow("10 bytes");
  });
});

describe("a registry that does not answer", () => {
  it("is waited for so long and no longer", async () => {
    const waited: number[] = [];
    const timers = {
      now: () => 0,
      random: () => 0,
      sleep: async (milliseconds: number) => {
        waited.push(milliseconds);
      },
    };
    const relay = createRegistryRelay({
      registries: ["docker.io"],
      allowNoOrigin: true,
      timeout: 1234,
      timers,
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
        }),
    });
    const response = await relay.fetch(new Request(`${RELAY}/docker.io/v2/`));
    expect(await codeOf(response ?? new Response())).toBe("504 UNAVAILABLE");
    expect(waited).toEqual([1234]);
  });

  it("is left alone when the client goes away", async () => {
    const controller = new AbortController();
    let aborted: unknown;
    const relay = createRegistryRelay({
      registries: ["docker.io"],
      allowNoOrigin: true,
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => {
            aborted = init.signal?.reason;
            reject(aborted);
          });
          controller.abort(new Error("gone"));
        }),
    });
    const response = await relay.fetch(new Request(`${RELAY}/docker.io/v2/`, { signal: controller.signal }));
    expect(response?.status).toBe(499);
    expect(aborted).toEqual(new Error("gone"));
  });

  it("tells nothing of what went wrong inside", async () => {
    const { ask } = relayTo(
      { [REGISTRY]: ok },
      {
        repositories: () => {
          throw new Error("a secret of the operator");
        },
      },
    );
    const response = await ask("registry.example.com/v2/a/manifests/1");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });
});
