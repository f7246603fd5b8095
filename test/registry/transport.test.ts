import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { readAll } from "../../src/bytes.ts";
import { createTransport } from "../../src/registry/create-transport.ts";
import { failureOf } from "../../src/registry/failure.ts";
import type { RegistryOptions, RegistryTransport } from "../../src/registry/index.ts";
import { answer, get, type Hosts, hosts, json, redirect, rejection, type SentRequest, serve } from "./support/hosts.ts";
import { virtualTimers } from "./support/virtual-timers.ts";

const BASIC = `Basic ${btoa("user:secret")}`;
const USER: RegistryOptions = { credentials: () => ({ username: "user", password: "secret" }) };

/** A registry that wants a password, and answers `respond` when it has it; other hosts answer `respond` at once. */
function ground(
  respond: (request: SentRequest) => Response,
  { registry = "registry.example", ...options }: RegistryOptions & { readonly registry?: string } = {},
): { readonly network: Hosts; readonly transport: RegistryTransport } {
  const own = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const network = hosts((request) => {
    if (request.url.host === own && request.headers.get("authorization") !== BASIC) {
      return answer(401, { "www-authenticate": "Basic" });
    }
    return respond(request);
  });
  const transport = createTransport(registry, { fetch: network.fetch, timers: virtualTimers(), ...USER, ...options });
  return { network, transport };
}

describe("a redirect", () => {
  it("to another host is followed without credentials", async () => {
    const { network, transport } = ground(({ url }) =>
      url.host === "storage.example" ? answer(200, {}, "blob") : redirect("https://storage.example/blob?signature=x"),
    );
    const response = await transport.send(get("/v2/b", { headers: { Range: "bytes=1-", Cookie: "a=b" } }), {});
    expect(new TextDecoder().decode(await response.bytes(10))).toBe("blob");
    expect(response.url).toBe("https://storage.example/blob?signature=x");
    expect(network.lines()).toEqual([
      "GET https://registry.example/v2/b -",
      `GET https://registry.example/v2/b ${BASIC}`,
      "GET https://storage.example/blob?signature=x -",
    ]);
    const last = network.sent.at(-1)?.headers;
    expect([last?.get("range"), last?.get("cookie")]).toEqual(["bytes=1-", null]);
  });

  it("within the registry is followed with them", async () => {
    const { network, transport } = ground(({ url }) => (url.pathname === "/v2/b" ? redirect("c") : answer(200)));
    await transport.send(get("/v2/b"), {});
    expect(network.lines().at(-1)).toBe(`GET https://registry.example/v2/c ${BASIC}`);
  });

  it("back from another host does not get them again", async () => {
    const { network, transport } = ground(({ url }) =>
      redirect(url.host === "evil.example" ? "https://registry.example/v2/secret" : "https://evil.example/"),
    );
    await rejection(transport.send(get("/v2/b"), {}));
    expect(network.lines().filter((line) => line.includes("secret"))).toEqual([
      "GET https://registry.example/v2/secret -",
    ]);
  });

  it("to http of the registry itself means its https, as registries behind proxies say it", async () => {
    const { network, transport } = ground(({ url }) =>
      url.pathname === "/v2/b" ? redirect("http://registry.example/v2/c") : answer(200),
    );
    await transport.send(get("/v2/b"), {});
    expect(network.lines().at(-1)).toBe(`GET https://registry.example/v2/c ${BASIC}`);
  });

  for (const location of [
    "http://storage.example/x",
    "https://169.254.169.254/latest/meta-data",
    "https://localhost/x",
    "https://127.0.0.1:5000/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://user:pw@storage.example/x",
    "https://user@registry.example/v2/c",
    "file:///etc/passwd",
  ]) {
    it(`to ${location} is refused`, async () => {
      const { network, transport } = ground(() => redirect(location));
      expect(await rejection(transport.send(get("/v2/b"), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
      expect(network.sent).toHaveLength(2);
    });
  }

  for (const [name, response] of [
    ["to what is no address", () => redirect("http://[::1")],
    ["to nowhere", () => answer(307)],
    ["to itself", () => redirect("/v2/b")],
  ] as const) {
    it(`${name} is an error`, async () => {
      const { network, transport } = ground(response);
      expect(await rejection(transport.send(get("/v2/b"), {}))).toMatchObject({ code: "INVALID_RESPONSE" });
      expect(network.sent.length).toBeLessThan(8);
    });
  }

  for (const [status, method, becomes] of [
    [307, "PUT", "PUT"],
    [308, "POST", "POST"],
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [302, "PUT", "PUT"],
    [303, "PUT", "GET"],
    [303, "HEAD", "HEAD"],
  ] as const) {
    it(`by ${status} makes ${becomes} of ${method}`, async () => {
      const { network, transport } = ground(({ url }) =>
        url.host === "storage.example" ? answer(200) : redirect("https://storage.example/x", status),
      );
      const body =
        method === "HEAD" ? {} : { body: new TextEncoder().encode("body"), headers: { "Content-Type": "a/b" } };
      await transport.send(get("/v2/b", { method, ...body }), {});
      const last = network.sent.at(-1);
      const keeps = becomes !== "GET" && method !== "HEAD";
      expect([last?.method, last?.body, last?.headers.get("content-type")]).toEqual([
        becomes,
        keeps ? "body" : "",
        keeps ? "a/b" : null,
      ]);
    });
  }

  it("that a browser hides is followed by the browser, from then on at once", async () => {
    const { network, transport } = ground(({ redirect: mode, url }) => {
      if (mode !== "follow") {
        return Object.defineProperties(new Response(null), { status: { value: 0 }, type: { value: "opaqueredirect" } });
      }
      return Object.defineProperty(answer(200, {}, "blob"), "url", { value: `https://storage.example${url.pathname}` });
    });
    const response = await transport.send(get("/v2/b"), {});
    expect(response.url).toBe("https://storage.example/v2/b");
    await transport.send(get("/v2/c"), {});
    expect(network.sent.map((sent) => `${sent.url.pathname} ${sent.redirect}`)).toEqual([
      "/v2/b manual",
      "/v2/b manual",
      "/v2/b follow",
      "/v2/c follow",
    ]);
  });

  it("that a browser has followed to plain http is not taken", async () => {
    const { transport } = ground(({ redirect: mode }) =>
      mode === "follow"
        ? Object.defineProperty(answer(200, {}, "blob"), "url", { value: "http://storage.example/" })
        : Object.defineProperties(new Response(null), { status: { value: 0 }, type: { value: "opaqueredirect" } }),
    );
    expect(await rejection(transport.send(get("/v2/b"), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("an address that the registry named", () => {
  it("is asked with credentials only at the registry", async () => {
    const { network, transport } = ground(() => answer(202));
    await transport.send(get("https://registry.example/v2/uploads/1", { method: "PATCH" }), {});
    await transport.send(get("https://uploads.example/1", { method: "PATCH", headers: { authorization: "x" } }), {});
    expect(network.lines()).toEqual([
      "PATCH https://registry.example/v2/uploads/1 -",
      `PATCH https://registry.example/v2/uploads/1 ${BASIC}`,
      "PATCH https://uploads.example/1 -",
    ]);
  });

  it("that wants credentials elsewhere does not get them", async () => {
    const network = hosts(() => answer(401, { "www-authenticate": "Basic" }));
    const transport = createTransport("registry.example", { fetch: network.fetch, ...USER });
    expect(await rejection(transport.send(get("https://uploads.example/1"), {}))).toMatchObject({
      code: "UNAUTHENTICATED",
    });
    expect(network.lines()).toEqual(["GET https://uploads.example/1 -"]);
  });

  for (const url of [
    "https://169.254.169.254/x",
    "http://registry.example:81/v2/x",
    "https://a:b@registry.example/v2/",
  ]) {
    it(`is refused if it is ${url}`, async () => {
      const { network, transport } = ground(() => answer(202));
      expect(await rejection(transport.send(get(url), {}))).toMatchObject({ code: "PERMISSION_DENIED" });
      expect(network.sent).toEqual([]);
    });
  }
});

describe("a registry that is", () => {
  it("Docker Hub lies elsewhere", async () => {
    const { network, transport } = ground(() => answer(200), { registry: "docker.io" });
    await transport.send(get("/v2/library/alpine/manifests/3"), {});
    expect(network.lines().at(-1)).toBe(`GET https://registry-1.docker.io/v2/library/alpine/manifests/3 ${BASIC}`);
  });

  it("insecure is asked by https first, which is found out once and without credentials", async () => {
    for (const insecure of [true, ["registry.example"]]) {
      const network = hosts(({ url }) => {
        if (url.protocol === "https:") throw new TypeError("fetch failed");
        return url.pathname === "/v2/" ? answer(401, { "www-authenticate": "Basic" }) : answer(200);
      });
      const transport = createTransport("registry.example", { fetch: network.fetch, insecure, ...USER });
      await Promise.all([transport.send(get("/v2/a"), {}), transport.send(get("/v2/b"), {})]);
      expect([...network.lines()].sort()).toEqual([
        "GET http://registry.example/v2/ -",
        "GET http://registry.example/v2/a -",
        "GET http://registry.example/v2/b -",
        "GET https://registry.example/v2/ -",
      ]);
    }
  });

  it("insecure is asked by https where that answers", async () => {
    const network = hosts(() => answer(200));
    const transport = createTransport("registry.example", { fetch: network.fetch, insecure: true });
    await transport.send(get("/v2/a"), {});
    expect(network.lines()).toEqual(["GET https://registry.example/v2/ -", "GET https://registry.example/v2/a -"]);
  });

  it("not among the insecure ones is never asked by http", async () => {
    const network = hosts(() => {
      throw new TypeError("fetch failed");
    });
    const transport = createTransport("registry.example", {
      fetch: network.fetch,
      insecure: ["other.example"],
      timers: virtualTimers(),
    });
    await rejection(transport.send(get("/v2/a"), {}));
    expect(network.sent.every(({ url }) => url.protocol === "https:")).toBe(true);
  });

  it("behind a relay is asked there, and the relay's other addresses get no credentials", async () => {
    const network = hosts(({ url, headers }) => {
      if (url.pathname === "/r/registry.example/token") return json({ token: "t1" });
      if (url.pathname === "/r/registry.example/v2/b") return redirect("/r/other.example/v2/c");
      if (url.pathname === "/r/other.example/v2/c" || headers.get("authorization") === "Bearer t1") return answer(200);
      const realm = "https://app.example/r/registry.example/token";
      return answer(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` });
    });
    const relay = "https://app.example/r/";
    const transport = createTransport("registry.example", { fetch: network.fetch, relay, ...USER });
    await transport.send(get("/v2/a"), {});
    await transport.send(get(`${relay}registry.example/v2/a`), {});
    await transport.send(get("/v2/b"), {});
    expect(network.lines()).toEqual([
      "GET https://app.example/r/registry.example/v2/a -",
      `GET https://app.example/r/registry.example/token?service=s&scope=repository%3Ahello%3Apull&account=user ${BASIC}`,
      "GET https://app.example/r/registry.example/v2/a Bearer t1",
      "GET https://app.example/r/registry.example/v2/a Bearer t1",
      "GET https://app.example/r/registry.example/v2/b Bearer t1",
      "GET https://app.example/r/other.example/v2/c -",
    ]);
  });
});

describe("an answer that is an error", () => {
  const errorOf = async (response: () => Response): Promise<{ code: string; message: string }> => {
    const { transport } = ground(response, { retry: { tries: 0 } });
    return (await rejection(transport.send(get("/v2/b"), {}))) as never;
  };

  for (const [status, code] of [
    [300, "INVALID_RESPONSE"],
    [400, "INVALID_ARGUMENT"],
    [403, "PERMISSION_DENIED"],
    [404, "NOT_FOUND"],
    [405, "UNSUPPORTED"],
    [413, "UNSUPPORTED"],
    [416, "OUT_OF_RANGE"],
    [429, "RESOURCE_EXHAUSTED"],
    [500, "UNAVAILABLE"],
    [501, "UNSUPPORTED"],
    [507, "NO_SPACE"],
  ] as const) {
    it(`${status} is ${code}`, async () => expect(await errorOf(() => answer(status))).toMatchObject({ code }));
  }

  it("says what the registry says", async () => {
    const errors = [
      { code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: { tag: "1" } },
      { code: "NAME_UNKNOWN", message: "", detail: "hello" },
    ];
    const error = await errorOf(() => json({ errors }, 404));
    expect(error.message).toBe(
      'Cannot fetch manifest hello:1: registry.example answered 404 Not Found (MANIFEST_UNKNOWN: manifest unknown ({"tag":"1"}); NAME_UNKNOWN (hello))',
    );
    expect(failureOf(error)).toMatchObject({ status: 404, codes: ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"] });
  });

  it("says a line of text, but no HTML", async () => {
    expect((await errorOf(() => answer(403, {}, "go\n away"))).message).toContain("(go away)");
    expect((await errorOf(() => answer(403, {}, "<html>hi"))).message).not.toContain("html");
  });

  it("does nothing to a terminal, and is not long", async () => {
    const message = `\u001b[2J\u009b1m\u202eevil\u0000\r\n${"x".repeat(50_000)}`;
    for (const body of [JSON.stringify({ errors: [{ code: "DENIED", message }] }), message]) {
      const error = await errorOf(() => answer(403, {}, body));
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(error.message).toContain("evil");
      expect(error.message.length).toBeLessThan(2000);
    }
  });

  for (const body of [
    "null",
    "[]",
    '{"errors":null}',
    '{"errors":[null,1,"x"]}',
    '{"errors":[{"code":{},"message":[]}]}',
    "{",
  ]) {
    it(`may have any body: ${body}`, async () => {
      expect(await errorOf(() => answer(404, {}, body))).toMatchObject({ code: "NOT_FOUND" });
    });
  }

  it("of a digest that is not the one says so", async () => {
    expect(await errorOf(() => json({ errors: [{ code: "DIGEST_INVALID" }] }, 400))).toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });

  it("is an answer where the request accepts it", async () => {
    const { transport } = ground(() => answer(404));
    expect((await transport.send(get("/v2/b", { accept: [200, 404] }), {})).status).toBe(404);
    expect(await rejection(transport.send(get("/v2/b", { accept: [201] }), {}))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("over real connections", () => {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const once = { retry: { tries: 0 } };

  it("streams what is sent, with its length, in few large chunks", async () => {
    const host = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks);
        const { "content-length": length, "transfer-encoding": encoding } = request.headers;
        response.end(JSON.stringify([length, encoding, body.byteLength, body.every((byte, at) => byte === at % 251)]));
      });
    });
    const size = 1_000_000;
    const whole = Uint8Array.from({ length: size }, (_, at) => at % 251);
    const source = {
      size,
      async *open() {
        for (let at = 0; at < size; at += 1000) yield whole.subarray(at, at + 1000);
      },
    };
    for (const body of [whole, new Blob([whole]), source]) {
      const response = await createTransport(host).send(get("/v2/", { method: "PUT", body }), {});
      expect(JSON.parse(text(await response.bytes(1000)))).toEqual([String(size), null, size, true]);
    }
  });

  it("tells a source's failure as what it is, and does not try it again", async () => {
    const host = await serve((request, response) => request.resume().on("end", () => response.end()));
    const problem = new RangeError("disk on fire");
    let opened = 0;
    const failing = {
      size: 1_000_000,
      async *open() {
        opened++;
        yield new Uint8Array(500_000);
        throw problem;
      },
    };
    expect(await rejection(createTransport(host).send(get("/v2/", { method: "PUT", body: failing }), {}))).toBe(
      problem,
    );
    expect(opened).toBe(1);
    for (const bytes of [9, 11]) {
      const wrong = {
        size: 10,
        async *open() {
          yield new Uint8Array(bytes);
        },
      };
      const error = await rejection(createTransport(host).send(get("/v2/", { method: "PUT", body: wrong }), {}));
      expect(error).toMatchObject({ code: "SIZE_MISMATCH" });
    }
  });

  it("notices an answer that is cut, also for want of a length", async () => {
    for (const headers of [{ "content-length": "1000" }, {}]) {
      const host = await serve((_, response) => {
        response.writeHead(200, headers);
        response.write("some", () => response.destroy());
      });
      const response = await createTransport(host).send(get("/v2/"), {});
      expect(await rejection(readAll(chunks(response.body), 10_000))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringMatching(
          /^Cannot fetch manifest hello:1: the answer of 127\.0\.0\.1:\d+ broke off after /,
        ),
        cause: expect.anything(),
      });
    }
  });

  it("notices a length that is none, where the host does not", async () => {
    for (const [length, code] of [
      ["5", "UNAVAILABLE"],
      ["3", "INVALID_RESPONSE"],
    ] as const) {
      const network = hosts(() => answer(200, { "content-length": length }, "four"));
      const response = await createTransport("registry.example", { fetch: network.fetch }).send(get("/v2/"), {});
      expect(await rejection(response.bytes(10))).toMatchObject({ code });
    }
    const encoded = hosts(() => answer(200, { "content-length": "24", "content-encoding": "gzip" }, "four"));
    const response = await createTransport("registry.example", { fetch: encoded.fetch }).send(get("/v2/"), {});
    expect(text(await response.bytes(10))).toBe("four");
  });

  it("takes in no more than it is told to", async () => {
    const host = await serve((_, response) => {
      const write = (): void => {
        while (response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", write);
      write();
    });
    const response = await createTransport(host).send(get("/v2/"), {});
    expect(await rejection(response.bytes(100_000))).toMatchObject({
      code: "SIZE_MISMATCH",
      message: expect.stringContaining("longer than 100000 bytes"),
    });
  });

  it("lets go of the connection when the answer is cancelled, or its loop is left", async () => {
    for (const leave of ["cancel", "break"] as const) {
      let closed: (() => void) | undefined;
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const host = await serve((_, response) => {
        response.write("some");
        response.on("close", () => closed?.());
      });
      const response = await createTransport(host).send(get("/v2/"), {});
      if (leave === "break") for await (const _ of response.body) break;
      await response.cancel();
      await response.cancel();
      await gone;
    }
  });

  for (const [name, handle] of [
    ["a head that never comes", () => undefined],
    ["a body that never goes on", (response) => response.write("some")],
    [
      "a body that comes byte by byte",
      (response) => {
        const timer = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(timer));
      },
    ],
  ] as const satisfies readonly (readonly [string, (response: ServerResponse) => void])[]) {
    it(`gives up on ${name}`, async () => {
      const host = await serve((_, response) => handle(response));
      const transport = createTransport(host, { retry: { tries: 0, idle: 0.2 } });
      const error = await rejection(transport.send(get("/v2/"), {}).then((response) => response.bytes(1_000_000)));
      expect(error).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("has stalled") });
      expect(failureOf(error)).toMatchObject({ passing: true });
    });
  }

  it("tries again what has stalled before its head", async () => {
    const deadlines = heldDeadlines();
    let count = 0;
    const host = await serve((_, response) => {
      if (++count > 1) response.end("ok");
      else deadlines.pass();
    });
    const transport = createTransport(host, { timers: { ...virtualTimers(), after: deadlines.after } });
    expect(text(await (await transport.send(get("/v2/"), {})).bytes(10))).toBe("ok");
    expect(count).toBe(2);
    expect(deadlines.waiting, "no deadline holds a process that is done").toEqual([]);
  });

  it("gives who has to store something five times as long, and whole bodies the time to be sent", async () => {
    const deadlines = heldDeadlines();
    const network = hosts(() => answer(200));
    const transport = createTransport("registry.example", {
      fetch: network.fetch,
      timers: { ...virtualTimers(), after: deadlines.after },
    });
    await transport.send(get("/v2/"), {});
    await transport.send(get("/v2/", { method: "PUT" }), {});
    await transport.send(get("/v2/", { method: "PUT", body: new Uint8Array(1024 * 1024) }), {});
    expect(deadlines.set).toEqual([60_000, 300_000, 300_000 + 64_000]);
  });

  it("does not take its own source's slowness for the registry's", async () => {
    const deadlines = heldDeadlines();
    const host = await serve((request, response) => request.resume().on("end", () => response.end("ok")));
    const waiting: number[] = [];
    const source = {
      size: 600_000,
      async *open() {
        for (let i = 0; i < 6; i++) {
          waiting.push(deadlines.waiting.length);
          yield new Uint8Array(100_000);
        }
      },
    };
    const transport = createTransport(host, { timers: { ...virtualTimers(), after: deadlines.after } });
    await transport.send(get("/v2/", { method: "PUT", body: source }), {});
    expect(waiting).toEqual([0, 0, 0, 0, 0, 0]);
    expect(deadlines.set.length).toBeGreaterThan(2);
  });

  it("ends with the signal, whose reason is thrown, wherever it waits", async () => {
    const reason = new Error("no patience");
    for (const where of ["head", "body"] as const) {
      const controller = new AbortController();
      const host = await serve((_, response) => {
        if (where === "body") response.write("some");
        else controller.abort(reason);
      });
      const reading = createTransport(host, once)
        .send(get("/v2/"), { signal: controller.signal })
        .then(async (response) => {
          for await (const _ of response.body) controller.abort(reason);
        });
      expect(await rejection(reading)).toBe(reason);
    }
    const aborted = AbortSignal.abort(reason);
    expect(await rejection(createTransport("registry.example").send(get("/v2/"), { signal: aborted }))).toBe(reason);
  });

  it("tells where nobody listens", async () => {
    const error = await rejection(createTransport("127.0.0.1:2", once).send(get("/v2/"), {}));
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(
        /^Cannot fetch manifest hello:1: no connection to 127\.0\.0\.1:2 \(.*ECONNREFUSED/,
      ),
      cause: expect.anything(),
    });
  });

  it("asks for nothing compressed, and says who it is if it is told", async () => {
    const host = await serve((request, response) => response.end(JSON.stringify(request.headers)));
    const response = await createTransport(host, { userAgent: "slipway/1" }).send(get("/v2/"), {});
    expect(JSON.parse(text(await response.bytes(10_000)))).toMatchObject({
      "accept-encoding": "identity",
      "user-agent": "slipway/1",
    });
  });

  it("tells a header that cannot be sent as the caller's mistake", async () => {
    const error = await rejection(
      createTransport("localhost:1").send(get("/v2/", { headers: { a: "b\n" + "c" } }), {}),
    );
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

/** Deadlines that pass when the test says so. */
function heldDeadlines() {
  const waiting: { readonly pass: () => void }[] = [];
  const set: number[] = [];
  return {
    waiting,
    /** Milliseconds of each so far. */
    set,
    after(milliseconds: number, pass: () => void): () => void {
      const deadline = { pass };
      waiting.push(deadline);
      set.push(milliseconds);
      return () => {
        const at = waiting.indexOf(deadline);
        if (at >= 0) waiting.splice(at, 1);
      };
    },
    pass: (): void => {
      for (const deadline of waiting.splice(0)) deadline.pass();
    },
  };
}

async function* chunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* body;
}
