import { describe, expect, it } from "vitest";
import { createTransport } from "../../src/registry/create-transport.ts";
import type { RegistryCredentials, RegistryOptions, RegistryTransport } from "../../src/registry/index.ts";
import { answer, get, type Hosts, hosts, json, redirect, rejection, type SentRequest } from "./support/hosts.ts";
import { type VirtualTimers, virtualTimers } from "./support/virtual-timers.ts";

const USER: RegistryCredentials = { username: "user", password: "sécret" };
const BASIC = `Basic ${Buffer.from("user:sécret").toString("base64")}`;
const REALM = "https://auth.example/token";

interface Ground {
  readonly network: Hosts;
  readonly transport: RegistryTransport;
  readonly timers: VirtualTimers;
  /** Requests to the token service. */
  tokens(): readonly SentRequest[];
}

interface Service {
  readonly registry?: string;
  readonly challenge?: string | undefined;
  readonly realm?: string;
  /** What the registry thinks of `Authorization`. Default: it takes every token of the service. */
  readonly accepts?: (authorization: string | null, request: SentRequest) => boolean;
  /** What the service answers. Default: a token that is numbered. */
  readonly token?: (request: SentRequest, count: number) => Response | Promise<Response>;
  readonly challengeStatus?: number;
}

/** A registry that wants tokens of a service at another origin. */
function ground(service: Service, options: RegistryOptions = {}): Ground {
  const { registry = "registry.example", realm = REALM } = service;
  const timers = virtualTimers();
  let count = 0;
  const network = hosts(async (request) => {
    if (`${request.url.origin}${request.url.pathname}` === realm) {
      count++;
      return (await service.token?.(request, count)) ?? json({ token: `t${count}`, expires_in: 300 });
    }
    const authorization = request.headers.get("authorization");
    const accepts = service.accepts ?? ((header) => header?.startsWith("Bearer t") === true);
    if (accepts(authorization, request)) return answer(200, {}, "ok");
    const challenge = service.challenge ?? `Bearer realm="${realm}",service="registry.example"`;
    return json(
      { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] },
      service.challengeStatus ?? 401,
      {
        "www-authenticate": challenge,
      },
    );
  });
  const transport = createTransport(registry, { fetch: network.fetch, timers, ...options });
  const tokens = (): readonly SentRequest[] =>
    network.sent.filter(({ url }) => `${url.origin}${url.pathname}` === realm);
  return { network, transport, timers, tokens };
}

const asUser = (more: Partial<RegistryOptions> = {}): RegistryOptions => ({ credentials: () => USER, ...more });

describe("Basic", () => {
  it("is sent when the registry asked for it, and from then on at once", async () => {
    const { network, transport } = ground(
      { challenge: 'Basic realm="x"', accepts: (header) => header === BASIC },
      asUser(),
    );
    await transport.send(get("/v2/a"), {});
    await transport.send(get("/v2/b"), {});
    expect(network.lines()).toEqual([
      "GET https://registry.example/v2/a -",
      `GET https://registry.example/v2/a ${BASIC}`,
      `GET https://registry.example/v2/b ${BASIC}`,
    ]);
  });

  it("that is wrong is asked for again once, as helpers may have new ones", async () => {
    let calls = 0;
    const credentials = () => (++calls === 1 ? { username: "user", password: "old" } : USER);
    const { transport } = ground({ challenge: "Basic", accepts: (header) => header === BASIC }, { credentials });
    await transport.send(get("/v2/a"), {});
    expect(calls).toBe(2);
  });

  it("that is wrong ends in an error that says so", async () => {
    const { network, transport } = ground({ challenge: "Basic", accepts: () => false }, asUser());
    expect(await rejection(transport.send(get("/v2/a"), {}))).toMatchObject({
      code: "UNAUTHENTICATED",
      message:
        "Cannot fetch manifest hello:1: registry.example answered 401 Unauthorized (UNAUTHORIZED: authentication required); it did not take the credentials for registry.example, or they do not reach so far",
    });
    expect(network.sent).toHaveLength(2);
  });

  it("without credentials ends in an error that says how to log in", async () => {
    const { network, transport } = ground({ challenge: "Basic", accepts: () => false });
    expect(await rejection(transport.send(get("/v2/a"), {}))).toMatchObject({
      code: "UNAUTHENTICATED",
      message: expect.stringContaining('log in with "docker login registry.example", or give credentials for it'),
    });
    expect(network.sent).toHaveLength(1);
  });
});

describe("a token", () => {
  it("is got for anybody where nobody is known", async () => {
    const { network, transport } = ground({});
    await transport.send(get("/v2/hello/manifests/1"), {});
    expect(network.lines()).toEqual([
      "GET https://registry.example/v2/hello/manifests/1 -",
      `GET ${REALM}?service=registry.example&scope=repository%3Ahello%3Apull -`,
      "GET https://registry.example/v2/hello/manifests/1 Bearer t1",
    ]);
  });

  it("is got with name and password by GET, which the registry does not see", async () => {
    const { network, transport, tokens } = ground({}, asUser());
    await transport.send(get("/v2/"), {});
    expect(tokens()[0]?.headers.get("authorization")).toBe(BASIC);
    expect(tokens()[0]?.url.searchParams.get("account")).toBe("user");
    expect(network.lines().filter((line) => line.includes("registry.example/v2") && line.includes(BASIC))).toEqual([]);
  });

  it("is got with an identity token by POST, as OAuth2 has it", async () => {
    const { transport, tokens } = ground(
      { token: () => json({ access_token: "t1" }) },
      { credentials: () => ({ identityToken: "refresh-me" }) },
    );
    await transport.send(get("/v2/", { scopes: ["repository:a:pull,push", "repository:b:pull"] }), {});
    expect(tokens().map(({ method, body }) => [method, Object.fromEntries(new URLSearchParams(body))])).toEqual([
      [
        "POST",
        {
          grant_type: "refresh_token",
          refresh_token: "refresh-me",
          service: "registry.example",
          client_id: "slipway",
          scope: "repository:a:pull,push repository:b:pull",
        },
      ],
    ]);
    expect(tokens()[0]?.headers.get("authorization")).toBeNull();
  });

  for (const refusal of [404, 405]) {
    it(`is got with the password by POST where GET is answered ${refusal}`, async () => {
      const { transport, tokens } = ground(
        { token: ({ method }) => (method === "GET" ? answer(refusal) : json({ access_token: "t1" })) },
        asUser(),
      );
      await transport.send(get("/v2/"), {});
      expect(tokens().map(({ method }) => method)).toEqual(["GET", "POST"]);
      expect(new URLSearchParams(tokens()[1]?.body).get("grant_type")).toBe("password");
    });
  }

  it("that the user has is sent as it is", async () => {
    const { network, transport, tokens } = ground({}, { credentials: () => ({ registryToken: "t-mine" }) });
    await transport.send(get("/v2/a"), {});
    await transport.send(get("/v2/b"), {});
    expect(tokens()).toEqual([]);
    expect(network.lines().slice(1)).toEqual([
      "GET https://registry.example/v2/a Bearer t-mine",
      "GET https://registry.example/v2/b Bearer t-mine",
    ]);
  });

  it("that the user has and the registry does not take is no loop", async () => {
    const { network, transport } = ground(
      { accepts: () => false },
      { credentials: () => ({ registryToken: "t-mine" }) },
    );
    expect(await rejection(transport.send(get("/v2/a"), {}))).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(network.sent).toHaveLength(2);
  });

  it("is asked for before the password is, where the registry takes both", async () => {
    const { transport, tokens } = ground(
      { challenge: `Basic realm="x", Bearer realm="${REALM}",service="s"` },
      asUser(),
    );
    await transport.send(get("/v2/"), {});
    expect(tokens()).toHaveLength(1);
  });

  it("keeps the query that the realm has", async () => {
    const { transport, tokens } = ground({ challenge: `Bearer realm="${REALM}?tenant=7",service="s"` });
    await transport.send(get("/v2/"), {});
    expect(tokens()[0]?.url.search).toBe("?tenant=7&service=s&scope=repository%3Ahello%3Apull");
  });

  it("is asked for with the scope that the registry names besides", async () => {
    const { transport, tokens } = ground({
      challenge: `Bearer realm="${REALM}",scope="repository:hello:pull,push repository:other:pull"`,
    });
    await transport.send(get("/v2/"), {});
    expect(tokens()[0]?.url.searchParams.getAll("scope")).toEqual([
      "repository:hello:pull,push",
      "repository:other:pull",
    ]);
    // It covers what is asked for later.
    await transport.send(get("/v2/", { scopes: ["repository:other:pull"] }), {});
    expect(tokens()).toHaveLength(1);
  });
});

describe("tokens", () => {
  it("are kept by repository, and one that is good for more is used for less", async () => {
    const { transport, tokens } = ground({});
    await transport.send(get("/v2/", { scopes: ["repository:a:pull,push"] }), {});
    await transport.send(get("/v2/", { scopes: ["repository:a:pull"] }), {});
    await transport.send(get("/v2/", { scopes: ["repository:b:pull"] }), {});
    await transport.send(get("/v2/", { scopes: ["repository:a:pull"] }), {});
    expect(tokens().map(({ url }) => url.searchParams.getAll("scope"))).toEqual([
      ["repository:a:pull,push"],
      ["repository:b:pull"],
    ]);
  });

  it("are asked for once by requests at the same time", async () => {
    const { network, transport, tokens } = ground({});
    await Promise.all(Array.from({ length: 8 }, () => transport.send(get("/v2/"), {})));
    expect(tokens()).toHaveLength(1);
    expect(network.sent).toHaveLength(17);
  });

  it("go on being got for others when one who waits is gone", async () => {
    let answerNow: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      answerNow = resolve;
    });
    let begun: (() => void) | undefined;
    const begins = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const { transport, tokens } = ground({
      async token() {
        begun?.();
        await asked;
        return json({ token: "t1" });
      },
    });
    const controller = new AbortController();
    const reason = new Error("gone");
    const one = rejection(transport.send(get("/v2/"), { signal: controller.signal }));
    const other = transport.send(get("/v2/"), {});
    await begins;
    // The second has to be waiting for the same token by now.
    await new Promise((resolve) => setTimeout(resolve));
    controller.abort(reason);
    expect(await one).toBe(reason);
    answerNow?.();
    expect((await other).status).toBe(200);
    expect(tokens()).toHaveLength(1);
  });

  it("end when they say so, by default after a minute", async () => {
    for (const [said, seconds] of [
      [{}, 60],
      [{ expires_in: 0 }, 60],
      [{ expires_in: 300 }, 300],
      [{ expires_in: 300, issued_at: "2025-12-31T23:58:20Z" }, 200],
      // This machine's clock may be an hour wrong.
      [{ expires_in: 300, issued_at: "2025-12-31T20:00:00Z" }, 300],
      [{ expires_in: 300, issued_at: "2026-01-01T09:00:00Z" }, 300],
    ] as const) {
      const { transport, timers, tokens } = ground({ token: () => json({ token: "t", ...said }) });
      await transport.send(get("/v2/"), {});
      await timers.sleep((seconds - 11) * 1000);
      await transport.send(get("/v2/"), {});
      expect(tokens(), JSON.stringify(said)).toHaveLength(1);
      await timers.sleep(11_000);
      await transport.send(get("/v2/"), {});
      expect(tokens(), JSON.stringify(said)).toHaveLength(2);
    }
  });

  it("that the registry does not take any more are got anew, once", async () => {
    let valid = "Bearer t1";
    const { network, transport, tokens } = ground({ accepts: (header) => header === valid });
    await transport.send(get("/v2/"), {});
    valid = "Bearer t2";
    await transport.send(get("/v2/"), {});
    expect(tokens()).toHaveLength(2);
    expect(
      network
        .lines()
        .slice(3)
        .map((line) => line.split(" ").slice(2).join(" ")),
    ).toEqual(["Bearer t1", "-", "Bearer t2"]);
  });

  it("that are never good enough are no loop", async () => {
    const { network, transport, tokens } = ground({
      accepts: () => false,
      challenge: `Bearer realm="${REALM}",scope="repository:hello:pull",error="insufficient_scope"`,
    });
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(tokens()).toHaveLength(1);
    expect(network.sent).toHaveLength(3);
  });

  it("are no loop either where the registry wants another scope each time", async () => {
    let count = 0;
    const network = hosts(({ url }) =>
      url.host === "auth.example"
        ? json({ token: "t" })
        : answer(401, { "www-authenticate": `Bearer realm="${REALM}",scope="repository:r${count++}:pull"` }),
    );
    const transport = createTransport("registry.example", { fetch: network.fetch, timers: virtualTimers() });
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(network.sent.length).toBeLessThanOrEqual(7);
  });

  it("that are good for too little may be told so by 403", async () => {
    const { transport } = ground({
      challengeStatus: 403,
      challenge: `Bearer realm="${REALM}",error="insufficient_scope",scope="repository:hello:pull,push"`,
    });
    expect((await transport.send(get("/v2/"), {})).status).toBe(200);
  });
});

describe("a token service", () => {
  it("at another origin is told credentials by https", async () => {
    const { transport, tokens } = ground({}, asUser());
    await transport.send(get("/v2/"), {});
    expect(tokens()[0]?.headers.get("authorization")).toBe(BASIC);
  });

  it("is told them only if the caller allows it, who is asked once", async () => {
    const asked: string[] = [];
    const allowTokenService = (service: URL, registry: string): boolean => {
      asked.push(`${service.href} ${registry}`);
      return false;
    };
    const { network, transport } = ground({}, asUser({ allowTokenService }));
    for (let i = 0; i < 2; i++) {
      expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({
        code: "PERMISSION_DENIED",
        message: expect.stringContaining("https://auth.example"),
      });
    }
    expect(asked).toEqual([`${REALM} registry.example`]);
    expect(network.sent.filter(({ url }) => url.host === "auth.example")).toEqual([]);
  });

  for (const realm of [
    "http://auth.example/token",
    "https://10.0.0.1/token",
    "https://u:p@auth.example/token",
    "token",
    "ftp://a/",
  ]) {
    it(`is not asked at ${realm}, whatever the caller says`, async () => {
      for (const options of [{}, asUser({ allowTokenService: () => true })]) {
        const { network, transport } = ground({ challenge: `Bearer realm="${realm}"` }, options);
        await rejection(transport.send(get("/v2/"), {}));
        expect(network.lines()).toEqual(["GET https://registry.example/v2/ -"]);
      }
    });
  }

  it("by http is told credentials only on loopback, and only if the caller says so", async () => {
    const service = { registry: "127.0.0.1:5000", realm: "http://127.0.0.1:5001/token" };
    const refused = ground(service, asUser());
    expect(await rejection(refused.transport.send(get("/v2/"), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(refused.tokens()).toEqual([]);
    const allowed = ground(service, asUser({ allowTokenService: () => true }));
    await allowed.transport.send(get("/v2/"), {});
    expect(allowed.tokens()).toHaveLength(1);
    const anonymous = ground(service);
    await anonymous.transport.send(get("/v2/"), {});
    expect(anonymous.tokens()).toHaveLength(1);
  });

  it("that a registry named by plain http is told nothing unless the caller says so", async () => {
    const network = hosts(({ url }) => {
      if (url.protocol === "https:" && url.host === "registry.example") throw new TypeError("fetch failed");
      return answer(401, { "www-authenticate": `Bearer realm="${REALM}"` });
    });
    const transport = createTransport("registry.example", asUser({ fetch: network.fetch, insecure: true }));
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(network.sent.filter(({ headers }) => headers.has("authorization"))).toEqual([]);
  });

  it("does not lead credentials to another origin", async () => {
    for (const credentials of [() => USER, () => ({ identityToken: "refresh-me" })]) {
      const { network, transport } = ground({ token: () => redirect("https://evil.example/token") }, { credentials });
      expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
      expect(network.sent.filter(({ url }) => url.host === "evil.example")).toEqual([]);
    }
  });

  it("may lead to another place of its own, though not for ever", async () => {
    const moved = ground(
      { token: ({ url }) => (url.searchParams.has("moved") ? json({ token: "t1" }) : redirect(`${url.href}&moved=1`)) },
      asUser(),
    );
    await moved.transport.send(get("/v2/"), {});
    expect(moved.tokens().map(({ headers }) => headers.get("authorization"))).toEqual([BASIC, BASIC]);
    const endless = ground({ token: ({ url }) => redirect(url.href) }, asUser());
    expect(await rejection(endless.transport.send(get("/v2/"), {}))).toMatchObject({ code: "INVALID_RESPONSE" });
    expect(endless.tokens().length).toBeLessThan(10);
  });

  for (const [status, code] of [
    [400, "UNAUTHENTICATED"],
    [401, "UNAUTHENTICATED"],
    [403, "PERMISSION_DENIED"],
    // Nothing is known of what was asked for.
    [404, "INVALID_RESPONSE"],
    [405, "INVALID_RESPONSE"],
  ] as const) {
    it(`that answers ${status} is an error ${code}`, async () => {
      const { transport } = ground({ token: () => json({ error: "invalid_client" }, status) });
      expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({
        code,
        message: expect.stringMatching(/^Cannot get a token from auth\.example to fetch manifest hello:1: /),
      });
    });
  }

  it("that fails for now is asked again", async () => {
    const { transport, timers } = ground({ token: (_, count) => (count < 3 ? answer(503) : json({ token: "t3" })) });
    expect((await transport.send(get("/v2/"), {})).status).toBe(200);
    expect(timers.waits).toHaveLength(2);
  });

  for (const [name, response] of [
    ["no JSON", () => answer(200, {}, "<html>")],
    ["no token", () => json({ tokens: [] })],
    ["an empty token", () => json({ token: "" })],
    ["a token that no header can have", () => json({ token: "t\r\nX-Evil: 1" })],
    ["null", () => json(null)],
  ] as const) {
    it(`that answers ${name} is an error`, async () => {
      const { transport } = ground({ token: response });
      expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "INVALID_RESPONSE" });
    });
  }

  it("is not read beyond a mebibyte", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const { transport } = ground({ token: () => new Response(endless) });
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "SIZE_MISMATCH" });
    expect(sent).toBeLessThan(2 * 1024 * 1024);
  });
});
