import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createTransport } from "../../src/registry/create-transport.ts";
import type { RegistryOptions } from "../../src/registry/index.ts";
import { parseRetryAfter } from "../../src/registry/response-error.ts";
import { createTransportState } from "../../src/registry/transport-state.ts";
import { answer, get, type Hosts, hosts, rejection } from "./support/hosts.ts";
import { virtualTimers } from "./support/virtual-timers.ts";

const REGISTRY = "registry.example";

/** A client of hosts that answer in this order, the last one for ever; an error is one of the network. */
function client(answers: readonly (() => Response)[], options: RegistryOptions = {}) {
  const timers = virtualTimers();
  const network: Hosts = hosts((_, count) => (answers[count - 1] ?? answers.at(-1) ?? (() => answer(200)))());
  const transport = createTransport(REGISTRY, { fetch: network.fetch, timers, ...options });
  return { timers, network, transport };
}

const ok = (): Response => answer(200, {}, "ok");
const status = (code: number, headers?: Record<string, string>) => (): Response => answer(code, headers);
const cut = (): Response => {
  throw new TypeError("fetch failed", { cause: new Error("other side closed") });
};

describe("what may pass is tried again", () => {
  for (const [name, failure] of [
    ...[408, 429, 500, 502, 503, 504].map((code) => [String(code), status(code)] as const),
    ["a connection that failed", cut] as const,
  ]) {
    it(`${name}`, async () => {
      const { network, timers, transport } = client([failure, failure, ok]);
      const response = await transport.send(get("/v2/"), {});
      expect(response.status).toBe(200);
      expect(network.sent).toHaveLength(3);
      // Ever longer: half a second and a second, less a quarter.
      expect(timers.waits).toEqual([375, 750]);
    });
  }

  for (const code of [400, 403, 404, 405, 409, 413, 416, 501, 505, 507]) {
    it(`but not ${code}`, async () => {
      const { network, transport } = client([status(code)]);
      await rejection(transport.send(get("/v2/"), {}));
      expect(network.sent).toHaveLength(1);
    });
  }

  it("nor what is wrong with a name or a certificate", async () => {
    for (const code of [
      "ENOTFOUND",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "ERR_SSL_WRONG_VERSION_NUMBER",
    ]) {
      const failure = (): Response => {
        throw new TypeError("fetch failed", { cause: Object.assign(new Error("the reason"), { code }) });
      };
      const { network, transport } = client([failure]);
      expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringContaining("no connection to registry.example (the reason)"),
      });
      expect(network.sent).toHaveLength(1);
    }
  });

  it("nor anything by sendOnce", async () => {
    const { network, transport } = client([status(503)]);
    expect(await rejection(transport.sendOnce(get("/v2/"), {}))).toMatchObject({ code: "UNAVAILABLE" });
    expect(network.sent).toHaveLength(1);
  });

  it("bodies are opened anew", async () => {
    const { network, transport } = client([status(500), ok]);
    let opened = 0;
    const body = {
      size: 5,
      async *open() {
        opened++;
        yield new TextEncoder().encode("bytes");
      },
    };
    await transport.send(get("/v2/", { method: "PUT", body }), {});
    expect(network.sent.map((request) => request.body)).toEqual(["bytes", "bytes"]);
    expect(opened).toBe(2);
  });
});

describe("a budget", () => {
  it("is five more tries", async () => {
    const { network, transport } = client([status(500)]);
    const error = await rejection(transport.send(get("/v2/"), {}));
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/500 .*, also after 5 more tries$/),
    });
    expect((error as Error).cause).toBeInstanceOf(SlipwayError);
    expect(network.sent).toHaveLength(6);
  });

  it("is as many tries as it is told, also none", async () => {
    const { network, transport } = client([status(500)], { retry: { tries: 0 } });
    await rejection(transport.send(get("/v2/"), {}));
    expect(network.sent).toHaveLength(1);
  });

  it("is not longer than the patience, and what would be longer is not begun", async () => {
    const { network, timers, transport } = client([status(429, { "retry-after": "20" })], { retry: { patience: 50 } });
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(network.sent).toHaveLength(3);
    expect(timers.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(50_000);
  });

  it("is spent once, also where somebody tries again around it", async () => {
    const { network, transport } = client([status(500)]);
    await rejection(transport.retry("x", () => transport.send(get("/v2/"), {}), {}));
    expect(network.sent).toHaveLength(6);
  });

  it("begins anew whenever something was achieved", async () => {
    const { network, transport } = client([status(500)], { retry: { tries: 1 } });
    let achieved = 4;
    const tries: number[] = [];
    await rejection(
      transport.retry(
        "x",
        async (count) => {
          tries.push(count);
          await transport.sendOnce(get("/v2/"), {});
        },
        { progressed: () => achieved-- > 0 },
      ),
    );
    expect(network.sent).toHaveLength(5);
    expect(tries).toEqual([0, 1, 2, 3, 4]);
  });

  it("is for errors that may pass, whoever found them", async () => {
    const { transport } = client([]);
    let count = 0;
    const outcome = await transport.retry(
      "x",
      async () => {
        if (++count < 3) throw new SlipwayError("UNAVAILABLE", "Cannot x: it ended early");
        return "done";
      },
      {},
    );
    expect(outcome).toBe("done");
    const mismatch = new SlipwayError("DIGEST_MISMATCH", "Cannot x", { cause: new SlipwayError("UNAVAILABLE", "y") });
    expect(await rejection(transport.retry("x", () => Promise.reject(mismatch), {}))).toBe(mismatch);
    const bug = new RangeError("a bug");
    expect(await rejection(transport.retry("x", () => Promise.reject(bug), {}))).toBe(bug);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1);

  it("is a number of seconds or a date", () => {
    expect(parseRetryAfter("7", now)).toBe(7000);
    expect(parseRetryAfter(" 0 ", now)).toBe(0);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:20 GMT", now)).toBe(20_000);
    expect(parseRetryAfter("Thu, 01 Jan 2025 00:00:00 GMT", now)).toBe(0);
  });

  it("is nothing where it is nonsense", () => {
    for (const text of ["", "soon", "-1", "1e3", "7.5", "99999999999999"]) {
      expect(parseRetryAfter(text, now), text).toBeUndefined();
    }
    expect(parseRetryAfter(null, now)).toBeUndefined();
  });

  it("is heeded in both forms", async () => {
    for (const value of ["20", "Thu, 01 Jan 2026 00:00:20 GMT"]) {
      const { timers, transport } = client([status(429, { "retry-after": value }), ok]);
      await transport.send(get("/v2/"), {});
      expect(timers.waits).toEqual([20_250]);
    }
  });

  it("that is too long ends everything at once", async () => {
    const { network, timers, transport } = client([status(503, { "retry-after": "946080000" })]);
    expect(await rejection(transport.send(get("/v2/"), {}))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("would be longer than 300 s in all"),
    });
    expect(timers.waits).toEqual([]);
    expect(network.sent).toHaveLength(1);
  });
});

describe("a host that wants to be left alone", () => {
  it("is left alone by all requests, of all transports of a client", async () => {
    const state = createTransportState();
    const timers = virtualTimers();
    const network = hosts((_, count) => (count === 1 ? answer(429, { "retry-after": "30" }) : ok()));
    const [one, other] = [REGISTRY, REGISTRY].map((registry) =>
      createTransport(registry, { fetch: network.fetch, timers }, state),
    );
    await rejection(one?.sendOnce(get("/v2/"), {}) ?? Promise.resolve());
    const before = timers.now();
    await Promise.all([one, other, one, other].map(async (transport) => await transport?.sendOnce(get("/v2/"), {})));
    expect(timers.now() - before).toBeGreaterThanOrEqual(30_000);
    expect(timers.waits.every((wait) => wait >= 30_000)).toBe(true);
    expect(network.sent).toHaveLength(5);
  });

  it("does not hold up others", async () => {
    const state = createTransportState();
    const timers = virtualTimers();
    const network = hosts(({ url }) => (url.host === REGISTRY ? answer(503, { "retry-after": "30" }) : ok()));
    await rejection(createTransport(REGISTRY, { fetch: network.fetch, timers }, state).sendOnce(get("/v2/"), {}));
    await createTransport("other.example", { fetch: network.fetch, timers }, state).sendOnce(get("/v2/"), {});
    expect(timers.waits).toEqual([]);
  });

  it("is not waited for twice by who waited already", async () => {
    const { timers, transport } = client([status(429), status(429), ok]);
    await transport.send(get("/v2/"), {});
    expect(timers.waits).toEqual([375, 750]);
  });
});

describe("a wait", () => {
  it("is a step that says why, for how long, and how often", async () => {
    const events: ProgressEvent[] = [];
    const { transport } = client([status(429, { "retry-after": "2" }), cut, ok]);
    await transport.send(get("/v2/"), { onProgress: (event) => events.push(event) });
    expect(events).toEqual([
      {
        id: "retry 1",
        name: "waiting 2.3 s for registry.example (429 Too Many Requests), then fetch manifest hello:1 again (1 of 5)",
        state: "started",
      },
      { id: "retry 1", name: expect.any(String), state: "completed" },
      {
        id: "retry 2",
        name: "waiting 0.8 s for registry.example (the connection failed), then fetch manifest hello:1 again (2 of 5)",
        state: "started",
      },
      { id: "retry 2", name: expect.any(String), state: "completed" },
    ]);
  });

  it("ends with the signal, whose reason is thrown", async () => {
    const controller = new AbortController();
    const reason = new Error("no patience");
    const timers = {
      ...virtualTimers(),
      sleep: (_: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    };
    const { transport } = client([status(500)], { timers });
    const events: ProgressEvent[] = [];
    const sending = transport.send(get("/v2/"), {
      signal: controller.signal,
      onProgress(event) {
        events.push(event);
        setTimeout(() => controller.abort(reason));
      },
    });
    expect(await rejection(sending)).toBe(reason);
    expect(events.at(-1)).toMatchObject({ state: "failed", error: reason });
  });
});
