import { createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { readGraph } from "../../src/archive/graph.ts";
import { platformManifest } from "../../src/archive/platform-manifest.ts";
import { createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { digestOf } from "../../src/hash/index.ts";
import { type Descriptor, OCI_TYPES } from "../../src/oci/index.ts";
import { createRegistry, type RegistryOptions, type Repository } from "../../src/registry/index.ts";
import { storeWith } from "../support/sample-image.ts";
import { answer, type Hosts, hosts, json, redirect, rejection, type SentRequest } from "./support/hosts.ts";
import { type VirtualTimers, virtualTimers } from "./support/virtual-timers.ts";

const HOST = "registry.example";
const SUBJECT = digestOf(new Uint8Array([1]));
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Ground {
  readonly network: Hosts;
  readonly timers: VirtualTimers;
  readonly repository: Repository;
}

function ground(
  respond: (request: SentRequest, count: number) => Response | Promise<Response>,
  options: RegistryOptions = {},
): Ground {
  const timers = virtualTimers();
  const network = hosts(respond);
  const client = createRegistry({ fetch: network.fetch, timers, ...options });
  return { network, timers, repository: client.repository(`${HOST}/hello`) };
}

async function tagsOf({ repository }: Ground): Promise<number> {
  let count = 0;
  for await (const _ of repository.tags()) count++;
  return count;
}

async function fails(operation: Promise<unknown>, code: string, ...words: readonly string[]): Promise<void> {
  const error = await rejection(operation);
  if (!isSlipwayError(error)) throw new Error("expected a SlipwayError", { cause: error });
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(/^Cannot /)]);
  for (const word of words) expect(error.message).toContain(word);
  expect(error.message.length).toBeLessThan(2000);
}

const waited = ({ timers }: Ground): number => timers.waits.reduce((sum, wait) => sum + wait, 0);

const next = (target: string): Record<string, string> => ({ link: `<${target}>; rel="next"` });
const referrersPage = (manifests: readonly object[], headers: Record<string, string> = {}): Response =>
  answer(
    200,
    { "content-type": OCI_TYPES.index, ...headers },
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_TYPES.index, manifests }),
  );
const descriptorOf = (n: number): Descriptor => ({
  mediaType: OCI_TYPES.manifest,
  digest: `sha256:${n.toString(16).padStart(64, "0")}`,
  size: 1,
});

describe("pages that never end, ", () => {
  it("of tags, end after a number of pages that the error names, with the host", async () => {
    for (const tags of [["a"], []]) {
      const served = ground((_, count) => json({ tags }, 200, next(`/v2/hello/tags/list?last=${count}`)));
      await fails(tagsOf(served), "INVALID_RESPONSE", HOST, "2000 pages");
      expect(served.network.sent).toHaveLength(2000);
    }
  });

  it("of tags, end after a number of bytes", async () => {
    const text = JSON.stringify({ tags: Array.from({ length: 60_000 }, (_, i) => `tag-${i}`.padEnd(60, "x")) });
    const served = ground((_, count) => answer(200, next(`/v2/hello/tags/list?last=${count}`), text));
    await fails(tagsOf(served), "INVALID_RESPONSE", HOST, "64 MiB");
    expect(served.network.sent.length).toBeLessThan(30);
  });

  it("of tags, may have a million tags, one after the other", async () => {
    const text = `{"tags":[${'"a",'.repeat(999_999)}"a"]}`;
    expect(await tagsOf(ground(() => answer(200, {}, text)))).toBe(1_000_000);
  });

  it("that lead to themselves are left at once", async () => {
    const served = ground(() => json({ tags: [] }, 200, next("?n=1000")));
    await fails(tagsOf(served), "INVALID_RESPONSE", HOST, "read before");
    expect(served.network.sent).toHaveLength(1);
  });

  it("of referrers, end after pages, or after referrers, of a number that the error names", async () => {
    const empty = ground((_, count) => referrersPage([], next(`/v2/hello/referrers/${SUBJECT}?p=${count}`)));
    await fails(empty.repository.referrers(SUBJECT), "INVALID_RESPONSE", HOST, "2000 pages");
    const full = ground((_, count) =>
      referrersPage(
        Array.from({ length: 5000 }, (_, i) => descriptorOf(count * 5000 + i)),
        next(`/v2/hello/referrers/${SUBJECT}?p=${count}`),
      ),
    );
    await fails(full.repository.referrers(SUBJECT), "INVALID_RESPONSE", HOST, "20000 referrers");
    expect(full.network.sent).toHaveLength(5);
  });

  it("of referrers under the fallback tag, are as few", async () => {
    const many = Array.from({ length: 20_001 }, (_, i) => descriptorOf(i));
    const served = ground(({ url }) => (url.pathname.includes("/referrers/") ? answer(404) : referrersPage(many)));
    await fails(served.repository.referrers(SUBJECT), "INVALID_RESPONSE", HOST, "20000 referrers");
  });

  it("named by a header that is long, cost no more time than it has characters", async () => {
    const served = ground(() => json({ tags: [] }, 200, { link: "<".repeat(200_000) }));
    const start = performance.now();
    expect(await tagsOf(served)).toBe(0);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it("that fail again and again between, are not waited for without an end", async () => {
    const served = ground((_, count) =>
      count % 2 === 1
        ? answer(503, { "retry-after": "290" })
        : json({ tags: [] }, 200, next(`/v2/hello/tags/list?l=${count}`)),
    );
    await fails(tagsOf(served), "UNAVAILABLE", HOST, "3000 s in all");
    expect(waited(served)).toBeLessThan(3_300_000);
  });
});

describe("documents that are deep", () => {
  const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

  it("in the detail of an error are an error like any other", async () => {
    const body = `{"errors":[{"code":"DENIED","message":"no","detail":${deep(30_000)}}]}`;
    await fails(ground(() => answer(403, {}, body)).repository.fetchManifest("1"), "PERMISSION_DENIED", "DENIED: no");
  });

  it("in a list of tags are refused", async () => {
    await fails(tagsOf(ground(() => answer(200, {}, `{"tags":[${deep(1_000_000)}]}`))), "INVALID_RESPONSE", "no tag");
    await fails(tagsOf(ground(() => answer(200, {}, deep(2_000_000)))), "INVALID_RESPONSE");
  });

  it("as manifests are refused", async () => {
    const served = ground(() => answer(200, { "content-type": OCI_TYPES.index }, deep(1_000_000)));
    await fails(served.repository.fetchManifest("1"), "INVALID_DOCUMENT", "200 levels");
  });
});

describe("redirects that never end", () => {
  it("between two origins end after a number that the error names", async () => {
    const served = ground(({ url }) =>
      redirect(`https://${url.host === HOST ? "storage.example" : HOST}/v2/${Math.random()}`),
    );
    await fails(served.repository.resolve("1"), "INVALID_RESPONSE", "5 redirects", "storage.example");
    expect(served.network.sent).toHaveLength(6);
  });

  it("of a token service end likewise", async () => {
    const served = ground(({ url }, count) =>
      url.host === HOST
        ? answer(401, { "www-authenticate": 'Bearer realm="https://auth.example/token"' })
        : redirect(`https://auth${count}.example/token`),
    );
    await fails(served.repository.resolve("1"), "INVALID_RESPONSE", "5 redirects", "auth");
    expect(served.network.sent).toHaveLength(7);
  });
});

describe("token refreshes that never end", () => {
  const wanting = (challenge: (count: number) => string, token: (count: number) => unknown) => {
    let asked = 0;
    let given = 0;
    return ground(({ url }) =>
      url.host === HOST ? answer(401, { "www-authenticate": challenge(++asked) }) : json(token(++given)),
    );
  };
  const REALM = 'Bearer realm="https://auth.example/token"';

  it("for ever other scopes end after a number that the error names", async () => {
    const served = wanting(
      (count) => `${REALM},scope="repository:r${count}:pull"`,
      (count) => ({ token: `t${count}` }),
    );
    await fails(served.repository.resolve("1"), "UNAUTHENTICATED", HOST, "4 times");
    expect(served.network.sent.length).toBeLessThan(10);
  });

  it("for ever other token services end as well, and say so", async () => {
    const served = wanting(
      (count) => `Bearer realm="https://auth${count}.example/token",scope="repository:r${count}:pull"`,
      (count) => ({ token: `t${count}` }),
    );
    await fails(served.repository.resolve("1"), "UNAUTHENTICATED", HOST, "4 times");
  });

  for (const expires of ["0", "-1", "0.001", "1e308", "1e999", '"soon"', "null"]) {
    it(`of tokens that end in ${expires} seconds take one request to the service for one to the registry`, async () => {
      const served = ground(({ url, headers }) => {
        if (url.host !== HOST) return answer(200, {}, `{"token":"t","expires_in":${expires}}`);
        if (!headers.has("authorization")) return answer(401, { "www-authenticate": REALM });
        return answer(200, {
          "content-type": OCI_TYPES.manifest,
          "docker-content-digest": SUBJECT,
          "content-length": "7",
        });
      });
      for (let i = 0; i < 3; i++) await served.repository.resolve("1");
      expect(served.network.sent.length).toBeLessThanOrEqual(1 + 3 * 2);
    });
  }

  it("of tokens that are long are refused", async () => {
    const served = wanting(
      () => REALM,
      () => ({ token: "t".repeat(100_000) }),
    );
    await fails(served.repository.resolve("1"), "INVALID_RESPONSE", "auth.example", "65536");
  });
});

describe("Retry-After", () => {
  for (const [text, code] of [
    ["999999999999", "UNAVAILABLE"],
    ["Fri, 31 Dec 9999 23:59:59 GMT", "UNAVAILABLE"],
    ["Thu, 01 Jan 1970 00:00:00 GMT", "UNAVAILABLE"],
    ["0", "UNAVAILABLE"],
    ["-5", "UNAVAILABLE"],
    ["NaN", "UNAVAILABLE"],
    ["1e9", "UNAVAILABLE"],
  ] as const) {
    it(`${text} keeps nobody for longer than the patience`, async () => {
      const served = ground(() => answer(503, { "retry-after": text }));
      await fails(served.repository.resolve("1"), code, HOST);
      expect(served.network.sent.length).toBeLessThanOrEqual(6);
      expect(waited(served)).toBeLessThan(300_000);
    });
  }
});

describe("an upload that never ends", () => {
  const SIZE = 4 * 1024 * 1024;
  /** @param has how many bytes the registry says that it has after so many parts */
  const uploading = (has: (parts: number) => number, status: (parts: number) => number = () => 202): Ground => {
    let parts = 0;
    return ground(({ method, url }) => {
      if (method === "HEAD") return answer(404);
      if (method === "POST") return answer(202, { location: "/v2/hello/blobs/uploads/1" });
      if (method === "PATCH") parts++;
      const headers = { location: `${url.pathname}?n=${parts}`, range: `0-${Math.max(0, has(parts) - 1)}` };
      if (method === "PATCH") return answer(status(parts), headers);
      return answer(method === "GET" ? 204 : 202, headers);
    });
  };
  const upload = ({ repository }: Ground): Promise<unknown> => {
    const bytes = new Uint8Array(SIZE);
    return repository.pushBlob({ digest: digestOf(bytes), size: SIZE, body: new Blob([bytes]) });
  };

  it("as its Range does not advance, is given up", async () => {
    for (const has of [() => 0, () => 1000]) {
      const served = uploading(has);
      await fails(upload(served), "INVALID_RESPONSE", HOST);
      expect(served.network.sent.length).toBeLessThan(60);
    }
  });

  it("as each part fails after one byte more, is given up", async () => {
    const served = uploading(
      (parts) => parts + 1,
      () => 503,
    );
    await fails(upload(served), "UNAVAILABLE", HOST, "5 more tries");
    expect(served.network.sent.length).toBeLessThan(60);
  });
});

describe("a blob that never ends", () => {
  const SIZE = 64 * 1024 * 1024;
  it("as each answer begins again and goes a little further, is given up", async () => {
    let end = 0;
    const served = ground(() => {
      end += 20_000;
      let at = 0;
      const stop = end;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= stop) {
            controller.error(new Error("cut"));
            return;
          }
          const chunk = Math.min(65_536, stop - at);
          at += chunk;
          controller.enqueue(new Uint8Array(chunk));
        },
      });
      return new Response(body, { status: 200, headers: { "content-length": String(SIZE) } });
    });
    await fails(
      (async () => {
        for await (const _ of served.repository.openBlob(SUBJECT));
      })(),
      "UNAVAILABLE",
      HOST,
      "8 times in a row",
    );
    expect(served.network.sent.length).toBeLessThan(100);
  });

  it("as its layer names ever more addresses, is looked for at eight of them", async () => {
    const urls = Array.from({ length: 1000 }, (_, i) => `https://layers${i}.example/x`);
    const layer = { mediaType: OCI_TYPES.nondistributableLayerGzip, digest: SUBJECT, size: 1, urls };
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: { mediaType: OCI_TYPES.config, digest: digestOf(utf8("{}")), size: 2 },
      layers: [layer],
    });
    const served = ground(
      ({ url }) =>
        url.pathname.includes("/manifests/")
          ? answer(200, { "content-type": OCI_TYPES.manifest }, manifest)
          : answer(404),
      { foreignLayers: true },
    );
    await served.repository.fetchManifest("1");
    await fails(
      (async () => {
        for await (const _ of served.repository.content.open(SUBJECT));
      })(),
      "NOT_FOUND",
      "8 of its 1000 addresses",
    );
    expect(served.network.sent.filter(({ url }) => url.host !== HOST)).toHaveLength(8);
  });
});

describe("what makes some way each time and wants to be waited for", () => {
  const WAIT = { "retry-after": "290" };

  it("is given up in a download", async () => {
    let end = 0;
    const served = ground((request, count) => {
      if (count % 2 === 0) return answer(503, WAIT);
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
      end = start + 20_000;
      let sent = false;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent) controller.error(new Error("cut"));
          else controller.enqueue(new Uint8Array(end - start));
          sent = true;
        },
      });
      const headers = { "content-range": `bytes ${start}-${10 ** 9 - 1}/${10 ** 9}` };
      return start === 0
        ? new Response(body, { status: 200, headers: { "content-length": String(10 ** 9) } })
        : new Response(body, { status: 206, headers });
    });
    await fails(
      (async () => {
        for await (const _ of served.repository.openBlob(SUBJECT));
      })(),
      "UNAVAILABLE",
      HOST,
      "3000 s in all",
    );
    expect(waited(served)).toBeLessThan(3_300_000);
  });

  it("is given up in an upload", async () => {
    const size = 4 * 1024 * 1024;
    let parts = 0;
    const served = ground(({ method, url }) => {
      if (method === "HEAD") return answer(404);
      if (method === "POST") return answer(202, { location: "/v2/hello/blobs/uploads/1" });
      if (method === "PATCH") return answer(503, { ...WAIT, n: String(parts++) });
      return answer(204, { location: `${url.pathname}?n=${parts}`, range: `0-${parts * 20_000}` });
    });
    const bytes = new Uint8Array(size);
    const source = { digest: digestOf(bytes), size, body: new Blob([bytes]) };
    await fails(served.repository.pushBlob(source), "UNAVAILABLE", HOST, "3000 s in all");
    expect(waited(served)).toBeLessThan(3_300_000);
  });
});

describe("a head that never ends", () => {
  /** A server that writes `start` and then `again` for ever, to whatever it is asked. */
  async function writing(start: string, again: string): Promise<{ readonly host: string; written(): number }> {
    let written = 0;
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.write(start);
        const more = (): void => {
          while (!socket.destroyed && written < 1e9) {
            written += again.length;
            if (!socket.write(again)) return;
          }
        };
        socket.on("drain", more);
        more();
      });
    });
    const sockets = new Set<Socket>();
    server.on("connection", (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return { host: `127.0.0.1:${address.port}`, written: () => written };
  }

  for (const [name, start, again] of [
    ["of headers", "HTTP/1.1 200 OK\r\n", `X-More: ${"x".repeat(1000)}\r\n`],
    ["of one header", "HTTP/1.1 200 OK\r\nX-Long: ", "x".repeat(1000)],
    ["of first answers (103)", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"],
  ] as const) {
    it(`${name} is given up`, async () => {
      const { host, written } = await writing(start, again);
      const { now, random, sleep } = virtualTimers();
      const after = (milliseconds: number, callback: () => void) => {
        const timer = setTimeout(callback, milliseconds / 100);
        return () => clearTimeout(timer);
      };
      const client = createRegistry({ timers: { now, random, sleep, after }, retry: { tries: 1 } });
      await fails(client.repository(`${host}/hello`).fetchManifest("1"), "UNAVAILABLE", host);
      expect(written()).toBeLessThan(1e9);
    });
  }
});

describe("an image that never ends", () => {
  const index = (manifests: readonly Descriptor[]): Uint8Array<ArrayBuffer> =>
    utf8(JSON.stringify({ schemaVersion: 2, mediaType: OCI_TYPES.index, manifests }));

  it("as an index is in an index, and so on, is refused with the depth", async () => {
    const content = createMemoryContentStore();
    let root: Descriptor = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index([]))) };
    for (let i = 0; i < 10; i++) {
      root = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index([root]))) };
    }
    await fails(readGraph(content, root), "INVALID_DOCUMENT", "4 deep");
  });

  it("as each index names the next a thousand times, is read once", async () => {
    const content = createMemoryContentStore();
    let opened = 0;
    const counting = storeWith(content, {
      open: (...args) => {
        opened++;
        return content.open(...args);
      },
    });
    let root: Descriptor = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index([]))) };
    for (let i = 0; i < 4; i++) {
      const many = Array.from({ length: 1000 }, () => root);
      root = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index(many))) };
    }
    const amd64 = { os: "linux", architecture: "amd64" };
    await fails(platformManifest(counting, root, amd64, "it"), "NOT_FOUND", "no platform");
    expect((await readGraph(counting, root)).documents).toHaveLength(5);
    expect(opened).toBeLessThan(50);
  });

  it("as its indexes pass over ever more, is refused with their number", async () => {
    const content = createMemoryContentStore();
    const many = Array.from({ length: 21_000 }, (_, i) => descriptorOf(i));
    const root = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index(many))) };
    await fails(readGraph(content, root, { include: () => false }), "INVALID_DOCUMENT", "20000");
  });

  it("as its documents are ever more bytes, is refused with these", async () => {
    const content = createMemoryContentStore();
    const children: Descriptor[] = [];
    const padded = (text: string, i: number): Uint8Array<ArrayBuffer> => utf8(text + " ".repeat(4_000_000 + i));
    const empty = '{"schemaVersion":2,"manifests":[]}';
    for (let i = 0; i < 40; i++) {
      children.push({ mediaType: OCI_TYPES.index, ...(await writeBlob(content, padded(empty, i))) });
    }
    const root = { mediaType: OCI_TYPES.index, ...(await writeBlob(content, index(children))) };
    await fails(readGraph(content, root), "INVALID_DOCUMENT", "128 MiB");
  });
});
