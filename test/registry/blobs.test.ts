import { describe, expect, it } from "vitest";
import { readBlob } from "../../src/content/index.ts";
import { requestLine } from "../support/registry-server/test-registry.ts";
import { expectBytes, putBlob, putImage, serveRepository, unevenBytes, wholeOf } from "./pull-support.ts";

const bytes = unevenBytes(300_000);

describe("hasBlob", () => {
  it("gives the size by HEAD, and undefined for what is not there", async () => {
    const served = await serveRepository();
    const digest = putBlob(served, bytes);
    expect(await served.repository.hasBlob(digest)).toBe(bytes.byteLength);
    expect(await served.repository.hasBlob(`sha256:${"0".repeat(64)}`)).toBeUndefined();
    expect(served.requests().map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  });

  it("asks for one byte where HEAD is refused", async () => {
    for (const ranges of [true, false]) {
      const served = await serveRepository({
        ranges,
        on: ({ method }) => (method === "HEAD" ? { kind: "answer", status: 405 } : undefined),
      });
      expect(await served.repository.hasBlob(putBlob(served, bytes))).toBe(bytes.byteLength);
      expect(await served.repository.hasBlob(putBlob(served, new Uint8Array()))).toBe(0);
      expect(await served.repository.hasBlob(`sha256:${"0".repeat(64)}`)).toBeUndefined();
    }
  });

  it("refuses what is no digest before it becomes an address", async () => {
    const served = await serveRepository();
    const wrong = "sha256:../../x" as `sha256:${string}`;
    await expect(served.repository.hasBlob(wrong)).rejects.toMatchObject({ code: "INVALID_DIGEST" });
    expect(served.requests()).toEqual([]);
  });
});

describe("openBlob", () => {
  it("gives all bytes by one plain request", async () => {
    const served = await serveRepository();
    const digest = putBlob(served, bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest)), bytes);
    const requests = served.requests();
    expect(requests.map(requestLine)).toEqual([`GET /v2/hello/blobs/${digest}`]);
    expect(requests[0]?.headers.range).toBeUndefined();
  });

  for (const ranges of [true, false]) {
    it(`gives parts where the registry ${ranges ? "has" : "passes by"} ranges`, async () => {
      const served = await serveRepository({ ranges });
      const digest = putBlob(served, bytes);
      for (const [offset, length] of [
        [0, 1],
        [0, 300_000],
        [100_000, undefined],
        [299_999, 1],
        [70_000, 70_000],
      ]) {
        const part = await wholeOf(served.repository.openBlob(digest, { offset, length }));
        expectBytes(part, bytes.slice(offset, length === undefined ? undefined : (offset ?? 0) + length));
      }
    });

    it(`refuses parts that are not there where the registry ${ranges ? "has" : "passes by"} ranges`, async () => {
      const served = await serveRepository({ ranges });
      const digest = putBlob(served, bytes);
      for (const range of [{ offset: 300_001 }, { offset: 300_000, length: 1 }, { offset: 299_999, length: 2 }]) {
        const part = wholeOf(served.repository.openBlob(digest, range));
        await expect(part, JSON.stringify(range)).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
      }
      expect(await wholeOf(served.repository.openBlob(digest, { offset: 300_000 }))).toHaveLength(0);
    });
  }

  it("refuses ranges that are none without asking anybody", async () => {
    const served = await serveRepository();
    for (const range of [{ offset: -1 }, { offset: 0.5 }, { length: -1 }, { offset: 1, length: Number.NaN }]) {
      const part = wholeOf(served.repository.openBlob(putBlob(served, bytes), range));
      await expect(part).rejects.toMatchObject({ code: "OUT_OF_RANGE" });
    }
    expect(served.requests()).toEqual([]);
  });

  it("goes on at the same byte where a connection is cut", async () => {
    const cuts = [100_000, 50_000, 20_000];
    const served = await serveRepository({
      on: ({ index }) => (index < 3 ? { kind: "cut response", after: cuts[index] ?? 0 } : "ok"),
    });
    const digest = putBlob(served, bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest)), bytes);
    const asked = served.requests().map(({ headers }) => headers.range);
    expect(asked).toHaveLength(4);
    expect(asked[0]).toBeUndefined();
    // How much of what was sent before a cut arrives is up to the network.
    const starts = asked.slice(1).map((range) => Number(/^bytes=(\d+)-299999$/.exec(range ?? "")?.[1]));
    expect(starts.every((start, index) => start > 0 && start >= (starts[index - 1] ?? 0))).toBe(true);
  });

  it("reads again what it had where the registry passes ranges by", async () => {
    const served = await serveRepository({
      ranges: false,
      on: ({ index }) => (index < 2 ? { kind: "cut response", after: 150_000 } : "ok"),
    });
    const digest = putBlob(served, bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest)), bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest, { offset: 10, length: 20 })), bytes.slice(10, 30));
  });

  it("gives up a registry that goes on cutting before any byte", async () => {
    const served = await serveRepository({ on: () => ({ kind: "cut response", after: 0 }) });
    const read = wholeOf(served.repository.openBlob(putBlob(served, bytes)));
    await expect(read).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("gives up a registry that gives a byte at a time", async () => {
    let requests = 0;
    const served = await serveRepository(
      {},
      {
        async fetch(_, init) {
          const start = Number(/^bytes=(\d+)-/.exec(new Headers(init?.headers).get("range") ?? "")?.[1] ?? 0);
          requests++;
          let given = false;
          const body = new ReadableStream<Uint8Array>({
            pull(controller) {
              if (given) controller.error(new TypeError("terminated"));
              else controller.enqueue(bytes.slice(start, start + 1));
              given = true;
            },
          });
          const range = { "content-range": `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}` };
          return new Response(body, { status: start === 0 ? 200 : 206, headers: start === 0 ? {} : range });
        },
      },
    );
    const read = wholeOf(served.repository.openBlob(putBlob(served, bytes)));
    await expect(read).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("in a row") });
    expect(requests).toBe(8);
  });

  it("notices another total than before", async () => {
    let cut = false;
    const served = await serveRepository({
      on: ({ headers }) => {
        if (headers.range === undefined) return { kind: "cut response", after: 100_000 };
        cut = true;
        return { kind: "headers", headers: { "content-range": "bytes 0-10/11" } };
      },
    });
    const read = wholeOf(served.repository.openBlob(putBlob(served, bytes)));
    await expect(read).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    expect(cut).toBe(true);
  });

  for (const [what, range] of [
    ["another part than was asked for", "bytes 5-14/300000"],
    ["a part that ends before it begins", "bytes 14-5/300000"],
    ["a part in other units", "lines 10-19/300000"],
    ["a part that is too long", "bytes 10-29/300000"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const served = await serveRepository({ on: () => ({ kind: "headers", headers: { "content-range": range } }) });
      const read = wholeOf(served.repository.openBlob(putBlob(served, bytes), { offset: 10, length: 10 }));
      await expect(read).rejects.toMatchObject({ code: "INVALID_RESPONSE" });
    });
  }

  it("takes a part without Content-Range, which pages may not see, if its length fits", async () => {
    const served = await serveRepository({ on: () => ({ kind: "headers", headers: { "content-range": undefined } }) });
    const digest = putBlob(served, bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest, { offset: 7, length: 9 })), bytes.slice(7, 16));
    expectBytes(await wholeOf(served.repository.openBlob(digest, { offset: 7 })), bytes.slice(7));
  });

  it("asks for the rest where the registry gives shorter parts than were asked for", async () => {
    const { fetch: real } = globalThis;
    const asked: string[] = [];
    const fetch: typeof real = (input, init) => {
      const request = new Request(input, init);
      const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "") ?? [];
      if (start === undefined) return real(request);
      asked.push(start);
      const headers = new Headers(request.headers);
      headers.set("range", `bytes=${start}-${Math.min(Number(end), Number(start) + 99)}`);
      return real(new Request(request, { headers }));
    };
    const served = await serveRepository({}, { fetch });
    const digest = putBlob(served, bytes);
    expectBytes(await wholeOf(served.repository.openBlob(digest, { offset: 50, length: 250 })), bytes.slice(50, 300));
    expect(asked).toEqual(["50", "150", "250"]);
  });

  it("ends the request when its reader leaves", async () => {
    const served = await serveRepository({
      on: ({ method }) => (method === "GET" ? { kind: "flood", status: 200, bytes: 1 << 30 } : undefined),
    });
    for await (const chunk of served.repository.openBlob(putBlob(served, bytes))) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    const [request] = served.requests();
    await expect.poll(() => request?.bytesOut ?? 0).toBeLessThan(1 << 29);
  });

  it("ends with the signal's reason while the registry keeps silent", async () => {
    const served = await serveRepository({ on: () => ({ kind: "silence" }) });
    const controller = new AbortController();
    const read = wholeOf(served.repository.openBlob(putBlob(served, bytes), undefined, controller));
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(read).rejects.toBe(reason);
  });
});

describe("a verified blob of a repository", () => {
  const layer = { layers: [{ "big.bin": bytes }], compression: "uncompressed" } as const;
  const read = async (on: Parameters<typeof serveRepository>[0]) => {
    const served = await serveRepository(on);
    const image = await putImage(served, "1", layer);
    await served.repository.fetchManifest("1");
    const [blob] = image.layers;
    if (blob === undefined) throw new Error("no layer");
    return await wholeOf(readBlob(served.repository.content, blob));
  };
  const onBlob = (fault: object) => ({
    on: ({ url }: { readonly url: string }) => (url.includes("/blobs/") ? (fault as never) : undefined),
  });

  it("is the blob", async () => {
    expect((await read({})).byteLength).toBeGreaterThan(bytes.byteLength);
  });

  it("is refused with one wrong bit", async () => {
    await expect(read(onBlob({ kind: "flip", at: 100_000 }))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  for (const by of [-100, 100]) {
    for (const chunked of [false, true]) {
      it(`is refused with ${by} bytes, ${chunked ? "whatever the length is" : "and a length that says so"}`, async () => {
        await expect(read(onBlob({ kind: "resize", by, chunked }))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
      });
    }
  }

  it("is read again where an answer contradicts what is known, once", async () => {
    for (const fault of [
      { kind: "lying length", by: 10 },
      { kind: "resize", by: 100 },
    ]) {
      let answers = 0;
      const whole = await read({
        on: ({ url }) => (url.includes("/blobs/") && answers++ === 0 ? (fault as never) : undefined),
      });
      expect(whole.byteLength).toBeGreaterThan(bytes.byteLength);
    }
  });

  it("is refused where its length is said to be another", async () => {
    await expect(read(onBlob({ kind: "lying length", by: 10 }))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  it("takes in no more than its size", async () => {
    await expect(read(onBlob({ kind: "gzip bomb", bytes: 64 << 20 }))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });
});
