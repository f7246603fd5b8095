import { describe, expect, it } from "vitest";
import { copyImage } from "../../src/archive/index.ts";
import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { isSlipwayError, type SlipwayErrorCode } from "../../src/errors.ts";
import { digestOf } from "../../src/hash/index.ts";
import { OCI_TYPES, serialiseManifest } from "../../src/oci/index.ts";
import type { RegistryTimers } from "../../src/registry/index.ts";
import { createMemoryMetadataStore } from "../../src/snapshots/index.ts";
import type { Fault, RecordedRequest, TestRegistryOptions } from "../support/registry-server/test-registry.ts";
import { requestLine } from "../support/registry-server/test-registry.ts";
import { blobBytes, type SampleImage, sampleImage, storedDigests } from "../support/sample-image.ts";
import {
  any,
  bulkySample,
  everyNth,
  type HostileGround,
  type HostileOptions,
  hostileGround,
  incompressible,
  isBlobGet,
  isBlobHead,
  isManifestGet,
  isManifestPut,
  isManifestRead,
  isUploadData,
  isUploadStart,
  pushSample,
  seedSample,
  when,
} from "./support/hostile-ground.ts";

/** What an operation came to: it worked, or it failed with one of these codes. */
type Outcome = "works" | readonly SlipwayErrorCode[];

/** More requests than any operation here can need; what goes beyond goes on for ever. */
const MANY = 400;
/**
 * Layers that are larger than what may be on the way: when the connection is cut, whatever was received and not yet read is lost, so that
 * only of these some is certain to have arrived.
 */
const LARGE = 1_000_000;
/** More bytes than a client may take in of an answer that should be small. */
const MUCH = 64 * 1024 * 1024;

interface Case {
  readonly name: string;
  readonly on: TestRegistryOptions["on"];
  readonly outcome: Outcome;
  readonly ground?: HostileOptions;
  /** Bytes of each layer. Default some kilobytes. */
  readonly layerSize?: number;
  readonly check?: (ground: HostileGround, image: SampleImage) => void | Promise<void>;
}

/** Runs `operation` and holds it to the outcome. */
async function expectOutcome(outcome: Outcome, operation: () => Promise<unknown>): Promise<void> {
  if (outcome === "works") {
    await operation();
    return;
  }
  const error: unknown = await operation().then(
    () => "it worked",
    (reason: unknown) => reason,
  );
  if (!isSlipwayError(error)) throw new Error("expected a SlipwayError", { cause: error });
  expect(outcome, error.message).toContain(error.code);
  expect(error.message).toMatch(/^Cannot .+/);
  expect(error.message.length, "messages do not carry whole answers").toBeLessThan(4000);
}

/** What must hold whatever a registry does. */
async function expectNoHarm(ground: HostileGround, before: number): Promise<void> {
  expect(ground.leaks(), "credentials at another origin").toEqual([]);
  expect(ground.server.requests.length - before, "requests").toBeLessThan(MANY);
  const waited = ground.timers.waits.reduce((sum, wait) => sum + wait, 0);
  expect(waited, "milliseconds waited").toBeLessThan(4 * 300_000);
  for (const request of ground.server.requests.slice(before)) {
    expect(request.bytesOut, requestLine(request)).toBeLessThan(MUCH);
  }
}

async function pull(ground: HostileGround, content: ContentStore, image: SampleImage): Promise<void> {
  const found = await ground.client().source(`${ground.host}/hello:1`).resolve();
  await copyImage(found.content, content, found.descriptor);
  expect(found.descriptor.digest).toBe(image.descriptor.digest);
}

/** Nothing but blobs of the image, each whole. */
async function expectOnlyWhole(content: ContentStore, image: SampleImage): Promise<void> {
  const expected = new Set(await storedDigests(image.content));
  for (const digest of await storedDigests(content)) {
    expect(expected).toContain(digest);
    expect(digestOf(await blobBytes(content, digest))).toBe(digest);
  }
}

/**
 * A store that a pull has left: whatever it has is whole, and what it keeps in order to go on with does not stand in the way of another
 * pull, from the registry when it behaves again.
 */
async function expectSoundStore(ground: HostileGround, content: ContentStore, image: SampleImage): Promise<void> {
  await expectOnlyWhole(content, image);
  ground.misbehave(undefined);
  await pull(ground, content, image);
  await expectOnlyWhole(content, image);
  expect(await storedDigests(content)).toEqual(await storedDigests(image.content));
  const ingests: string[] = [];
  for await (const { ref } of content.statuses()) ingests.push(ref);
  expect(ingests, "ingests left behind").toEqual([]);
}

const manifestOf = (annotations: Record<string, string>): string =>
  new TextDecoder().decode(
    serialiseManifest({
      schemaVersion: 2,
      mediaType: OCI_TYPES.manifest,
      config: { mediaType: OCI_TYPES.config, digest: digestOf(new Uint8Array([1])), size: 1 },
      layers: [],
      annotations,
    }),
  );

const tooMany = (retryAfter: string): Fault => ({
  kind: "answer",
  status: 429,
  headers: { "retry-after": retryAfter, "content-type": "application/json" },
  body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
});

const failing: Fault = { kind: "answer", status: 500, body: "internal error" };
const redirect = (location: string): Fault => ({ kind: "answer", status: 307, headers: { location } });

const ranges = (requests: readonly RecordedRequest[]): readonly (string | undefined)[] =>
  requests.filter((request) => isBlobGet(request)).map(({ headers }) => headers.range);

const waited = ({ timers }: HostileGround): number => timers.waits.reduce((sum, wait) => sum + wait, 0);

describe("pulling from a registry that", () => {
  const WRONG: Outcome = ["DIGEST_MISMATCH", "SIZE_MISMATCH", "INVALID_RESPONSE", "INVALID_DOCUMENT"];
  const CASES: readonly Case[] = [
    {
      name: "says the wrong digest of a manifest",
      on: when(isManifestRead, { kind: "headers", headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } }),
      outcome: WRONG,
    },
    {
      name: "says what is no digest",
      on: when(isManifestRead, { kind: "headers", headers: { "docker-content-digest": "latest" } }),
      outcome: [...WRONG, "INVALID_DIGEST"],
    },
    {
      name: "says no digest at all",
      on: when(isManifestRead, { kind: "headers", headers: { "docker-content-digest": undefined } }),
      outcome: "works",
    },
    {
      name: "refuses HEAD",
      on: when(({ method }) => method === "HEAD", { kind: "answer", status: 405 }),
      outcome: "works",
    },
    {
      name: "gives another manifest",
      on: when(isManifestGet, { kind: "body", body: manifestOf({ other: "one" }) }),
      outcome: WRONG,
    },
    {
      name: "gives a manifest that is no JSON",
      on: when(isManifestRead, {
        kind: "body",
        body: "<html>Please log in to the airport's network</html>",
        headers: { "content-type": "text/html", "docker-content-digest": "" },
      }),
      outcome: [...WRONG, "UNSUPPORTED"],
    },
    {
      name: "gives a manifest of more than 4 MiB",
      on: when(isManifestRead, { kind: "body", body: manifestOf({}) + " ".repeat(5 * 1024 * 1024) }),
      outcome: WRONG,
    },
    {
      name: "gives a manifest that never ends",
      on: when(isManifestRead, { kind: "flood", status: 200, bytes: 2 ** 30 }),
      outcome: [...WRONG, "UNSUPPORTED"],
    },
    {
      name: "gives a manifest that is a gigabyte when it is unpacked",
      on: when(isManifestGet, { kind: "gzip bomb", bytes: 2 ** 30 }),
      outcome: WRONG,
    },
    {
      name: "gives a blob with a wrong bit",
      on: when(isBlobGet, { kind: "flip", at: 100 }),
      outcome: ["DIGEST_MISMATCH"],
    },
    {
      name: "gives blobs that are too short",
      on: when(isBlobGet, { kind: "resize", by: -1 }),
      outcome: [...WRONG, "UNAVAILABLE"],
    },
    {
      name: "gives blobs that are too short, without a Content-Length",
      on: when(isBlobGet, { kind: "resize", by: -1, chunked: true }),
      outcome: [...WRONG, "UNAVAILABLE"],
    },
    {
      name: "gives blobs that are too long",
      on: when(isBlobGet, { kind: "resize", by: 1 }),
      outcome: WRONG,
    },
    {
      name: "gives blobs that are too long, without a Content-Length",
      on: when(isBlobGet, { kind: "resize", by: 1, chunked: true }),
      outcome: WRONG,
    },
    {
      name: "gives blobs that never end",
      on: when(isBlobGet, { kind: "flood", status: 200, bytes: 2 ** 30 }),
      outcome: WRONG,
    },
    {
      name: "gives blobs that are a gigabyte when they are unpacked",
      on: when(isBlobGet, { kind: "gzip bomb", bytes: 2 ** 30 }),
      outcome: WRONG,
    },
    {
      name: "promises more bytes of a blob than it has",
      on: when(isBlobGet, { kind: "lying length", by: 10 }),
      outcome: WRONG,
    },
    {
      name: "promises fewer bytes of a blob than it has",
      on: when(isBlobGet, { kind: "lying length", by: -10 }),
      outcome: WRONG,
    },
    {
      name: "promises more bytes of a manifest than it sends, once",
      on: when(isManifestGet, { kind: "lying length", by: 10 }, 1),
      outcome: "works",
    },
    {
      name: "cuts the connection in the middle of a blob",
      on: when(isBlobGet, { kind: "cut response", after: 800_000 }, 3),
      layerSize: LARGE,
      outcome: "works",
      check({ server }) {
        const offsets = ranges(server.requests).flatMap((range) => /^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? []);
        expect(offsets.length).toBeGreaterThan(0);
        for (const offset of offsets) expect(Number(offset)).toBeGreaterThan(400_000);
      },
    },
    {
      name: "cuts each connection after some bytes of a blob",
      on: when(isBlobGet, { kind: "cut response", after: 300_000 }),
      layerSize: LARGE,
      outcome: "works",
    },
    {
      name: "cuts each connection before the head of a blob",
      on: when(isBlobGet, { kind: "cut response", after: 0 }),
      outcome: ["UNAVAILABLE"],
      check: (ground) => expect(waited(ground)).toBeGreaterThan(0),
    },
    {
      name: "cuts connections and cannot go on in the middle",
      on: when(isBlobGet, { kind: "cut response", after: 10_000 }, 2),
      ground: { server: { ranges: false } },
      outcome: "works",
    },
    {
      name: "goes on at another place than it was asked to",
      on: (request) => {
        if (!isBlobGet(request)) return "ok";
        if (request.headers.range === undefined) return { kind: "cut response", after: 10_000 };
        return { kind: "headers", headers: { "content-range": "bytes 9999-30719/30720" } };
      },
      outcome: [...WRONG, "UNAVAILABLE"],
    },
    {
      name: "fails on every third call",
      on: everyNth(any, 3, failing),
      outcome: "works",
    },
    {
      name: "fails always",
      on: when(any, failing),
      outcome: ["UNAVAILABLE"],
    },
    {
      name: "fails with a body that never ends",
      on: when(any, { kind: "flood", status: 500, bytes: 2 ** 30 }),
      outcome: ["UNAVAILABLE"],
    },
    {
      name: "refuses with a body that never ends",
      on: when(isBlobGet, { kind: "flood", status: 403, bytes: 2 ** 30 }),
      outcome: ["PERMISSION_DENIED"],
    },
    {
      name: "wants to be asked later, in seconds",
      on: when(any, tooMany("7"), 3),
      outcome: "works",
      check: (ground) => expect(waited(ground)).toBeGreaterThanOrEqual(7000),
    },
    {
      name: "wants to be asked later, at a date",
      on: when(any, tooMany(new Date(Date.UTC(2026, 0, 1, 0, 0, 20)).toUTCString()), 1),
      outcome: "works",
      check: (ground) => expect(waited(ground)).toBeGreaterThanOrEqual(19_000),
    },
    {
      name: "wants to be asked later, for ever",
      on: when(any, tooMany("1")),
      outcome: ["RESOURCE_EXHAUSTED"],
    },
    {
      name: "wants to be asked in thirty years",
      on: when(any, tooMany("946080000")),
      outcome: ["RESOURCE_EXHAUSTED"],
    },
    {
      name: "says nonsense of when to be asked again",
      on: when(any, tooMany("soon; or never"), 1),
      outcome: "works",
    },
    {
      name: "redirects blobs to another host",
      on: undefined,
      ground: { server: { redirectsBlobs: true } },
      outcome: "works",
      check({ server }) {
        const asked = server.requests.filter((request) => request.server === "storage");
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.map(({ headers }) => headers.authorization).filter((header) => header !== undefined)).toEqual([]);
      },
    },
    {
      name: "redirects blobs to another host, which cuts connections",
      on: when(({ server }) => server === "storage", { kind: "cut response", after: 300_000 }),
      ground: { server: { redirectsBlobs: true } },
      layerSize: LARGE,
      outcome: "works",
    },
    {
      name: "redirects in a circle",
      on: when(isBlobGet, ({ url }) => redirect(url)),
      outcome: ["INVALID_RESPONSE", "UNAVAILABLE"],
    },
    {
      name: "redirects on and on",
      on: when(
        ({ url, method }) => method === "GET" && url.includes("/blobs/"),
        ({ url }) => redirect(`${url}0`),
      ),
      outcome: ["INVALID_RESPONSE", "UNAVAILABLE"],
    },
    {
      name: "redirects from https to http",
      on: when(isBlobGet, redirect("http://storage.example/hello")),
      ground: { https: true },
      outcome: ["PERMISSION_DENIED", "INVALID_RESPONSE"],
      check: ({ sent }) => expect(sent.filter(({ url }) => url.startsWith("http:"))).toEqual([]),
    },
    {
      name: "redirects from the internet to a private address",
      on: when(isBlobGet, redirect("https://10.0.0.7/latest/meta-data")),
      ground: { https: true },
      // Where it leads is the user's network, but nothing is sent there that the user has to lose.
      outcome: ["PERMISSION_DENIED", "INVALID_RESPONSE", "UNAVAILABLE"],
    },
    {
      name: "redirects to what is no address",
      on: when(isBlobGet, redirect("http://[::1")),
      outcome: ["INVALID_RESPONSE"],
    },
    {
      name: "redirects to a file",
      on: when(isBlobGet, redirect("file:///etc/passwd")),
      outcome: ["INVALID_RESPONSE", "PERMISSION_DENIED"],
      check: ({ sent }) => expect(sent.filter(({ url }) => url.startsWith("file:"))).toEqual([]),
    },
    {
      name: "redirects without saying whereto",
      on: when(isBlobGet, { kind: "answer", status: 307 }),
      outcome: ["INVALID_RESPONSE"],
    },
    {
      name: "has lost a blob",
      on: when(isBlobGet, { kind: "answer", status: 404, body: '{"errors":[{"code":"BLOB_UNKNOWN"}]}' }),
      outcome: ["NOT_FOUND"],
    },
    {
      name: "answers what no registry answers",
      on: when(isBlobGet, { kind: "answer", status: 299 }),
      outcome: [...WRONG, "UNAVAILABLE"],
    },
    {
      name: "wants credentials again and again",
      on: when(isBlobGet, { kind: "answer", status: 401, headers: { "www-authenticate": 'Basic realm="again"' } }),
      outcome: ["UNAUTHENTICATED"],
    },
    {
      name: "wants credentials in a way that nobody knows",
      on: when(isBlobGet, { kind: "answer", status: 401, headers: { "www-authenticate": 'Negotiate, =",,"" Digest' } }),
      outcome: ["UNAUTHENTICATED", "UNSUPPORTED", "INVALID_RESPONSE"],
    },
  ];

  for (const { name, on, outcome, ground: how, layerSize, check } of CASES) {
    const ends = outcome === "works" ? "works" : "fails";
    it(`${name}: ${ends}`, async () => {
      const ground = await hostileGround(how);
      const image = await seedSample(ground, layerSize);
      const before = ground.server.requests.length;
      ground.misbehave(on);
      const content = createMemoryContentStore();
      await expectOutcome(outcome, () => pull(ground, content, image));
      await expectNoHarm(ground, before);
      await check?.(ground, image);
      await expectSoundStore(ground, content, image);
    });
  }
});

describe("listing tags and referrers of a registry that", () => {
  const page = (
    next: string | undefined,
    body = '{"name":"hello","tags":["a"]}',
    type = "application/json",
  ): Fault => ({
    kind: "answer",
    status: 200,
    headers: { "content-type": type, ...(next && { link: `<${next}>; rel="next"` }) },
    body,
  });
  const isTags = ({ url }: RecordedRequest): boolean => url.includes("/tags/list");
  const CASES: readonly (Case & { readonly of?: "referrers" })[] = [
    {
      name: "has always one more page",
      on: when(isTags, ({ index }) => page(`/v2/hello/tags/list?last=${index}`)),
      outcome: ["INVALID_RESPONSE", "RESOURCE_EXHAUSTED", "SIZE_MISMATCH"],
    },
    {
      name: "says the same page to be the next again and again",
      on: when(isTags, page("/v2/hello/tags/list?last=a")),
      outcome: ["INVALID_RESPONSE"],
      check: ({ server }) => expect(server.requests.filter(isTags).length).toBeLessThan(10),
    },
    {
      name: "has its next page at another host",
      on: when(isTags, () => page("http://198.51.100.7/v2/hello/tags/list?last=a")),
      outcome: ["INVALID_RESPONSE", "PERMISSION_DENIED", "UNAVAILABLE"],
    },
    {
      name: "gives a page that is no JSON",
      on: when(isTags, page(undefined, '{"tags":[')),
      outcome: ["INVALID_RESPONSE", "INVALID_DOCUMENT"],
    },
    {
      name: "gives a page of another form",
      on: when(isTags, page(undefined, '{"tags":{"a":1}}')),
      outcome: ["INVALID_RESPONSE", "INVALID_DOCUMENT"],
    },
    {
      name: "gives tags that are none",
      on: when(isTags, page(undefined, '{"tags":["../../etc/passwd"]}')),
      outcome: ["INVALID_RESPONSE", "INVALID_DOCUMENT"],
    },
    {
      name: "says null where it has no tags",
      on: when(isTags, page(undefined, '{"name":"hello","tags":null}')),
      outcome: "works",
    },
    {
      name: "gives a page that never ends",
      on: when(isTags, { kind: "flood", status: 200, bytes: 2 ** 30 }),
      outcome: ["INVALID_RESPONSE", "SIZE_MISMATCH", "INVALID_DOCUMENT"],
    },
    {
      name: "has always one more page of referrers",
      of: "referrers",
      on: when(
        ({ url }) => url.includes("/referrers/"),
        ({ index, url }) =>
          page(
            `${url.split("?")[0]}?p=${index}`,
            '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
            OCI_TYPES.index,
          ),
      ),
      outcome: ["INVALID_RESPONSE", "RESOURCE_EXHAUSTED", "SIZE_MISMATCH"],
    },
    {
      name: "gives referrers that are no index",
      of: "referrers",
      on: when(({ url }) => url.includes("/referrers/"), page(undefined, '{"manifests":7}', OCI_TYPES.index)),
      outcome: ["INVALID_RESPONSE", "INVALID_DOCUMENT"],
    },
  ];
  for (const { name, on, outcome, of, check } of CASES) {
    it(`${name}: ${outcome === "works" ? "works" : "fails"}`, async () => {
      const ground = await hostileGround();
      const image = await seedSample(ground);
      ground.misbehave(on);
      const repository = ground.client().repository(`${ground.host}/hello`);
      await expectOutcome(outcome, async () => {
        if (of === "referrers") await repository.referrers(image.descriptor.digest);
        else for await (const _tag of repository.tags());
      });
      expect(ground.leaks()).toEqual([]);
      expect(ground.server.requests.length).toBeLessThan(20_000);
      for (const { bytesOut } of ground.server.requests) expect(bytesOut).toBeLessThan(MUCH);
      await check?.(ground, image);
    });
  }
});

describe("pushing to a registry that", () => {
  const location = (value: string | undefined): Fault => ({ kind: "headers", headers: { location: value } });
  const NOT_THERE = ["INVALID_RESPONSE", "PERMISSION_DENIED", "UNAVAILABLE"] as const;
  const CHUNKED: HostileOptions = { client: { chunkSize: 8_000 } };
  const CASES: readonly Case[] = [
    {
      name: "wants uploads sent to a private address",
      on: when(isUploadStart, location("https://10.1.2.3/upload")),
      ground: { https: true },
      outcome: NOT_THERE,
    },
    {
      name: "wants uploads sent by plain http",
      on: when(isUploadStart, location("http://storage.example/upload")),
      ground: { https: true },
      outcome: NOT_THERE,
      check: ({ sent }) => expect(sent.filter(({ url }) => url.startsWith("http:"))).toEqual([]),
    },
    {
      name: "wants uploads sent to a host that does not know them",
      on: (request) =>
        isUploadStart(request) && request.headers.authorization !== undefined
          ? location("https://storage.example/upload?id=1")
          : "ok",
      ground: { https: true },
      outcome: [...NOT_THERE, "NOT_FOUND"],
    },
    { name: "does not say where to send uploads", on: when(isUploadStart, location(undefined)), outcome: NOT_THERE },
    { name: "says what is no address", on: when(isUploadStart, location("http://[")), outcome: NOT_THERE },
    {
      name: "answers the end of an upload with another digest",
      on: when((request) => isUploadData(request) && request.url.includes("digest="), {
        kind: "headers",
        headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` },
      }),
      outcome: ["INVALID_RESPONSE", "DIGEST_MISMATCH"],
    },
    {
      name: "answers a manifest with another digest",
      on: when(isManifestPut, { kind: "headers", headers: { "docker-content-digest": `sha256:${"0".repeat(64)}` } }),
      outcome: ["INVALID_RESPONSE", "DIGEST_MISMATCH"],
    },
    {
      name: "answers without any digest",
      on: when(any, { kind: "headers", headers: { "docker-content-digest": undefined } }),
      outcome: "works",
    },
    {
      name: "cuts the connection in the middle of an upload",
      on: when(isUploadData, { kind: "cut request", after: 12_000 }, 1),
      outcome: "works",
    },
    {
      name: "cuts the connection in the middle of a chunk, and keeps what it got of it",
      on: when(isUploadData, { kind: "cut request", after: 5_000 }, 2),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "cuts the connection in the middle of a chunk, and forgets what it got of it",
      on: when(isUploadData, { kind: "cut request", after: 5_000 }, 2),
      ground: { ...CHUNKED, server: { keepsCutChunks: false } },
      outcome: "works",
    },
    {
      name: "cuts each connection after some bytes",
      on: when(isUploadData, { kind: "cut request", after: 5_000 }),
      outcome: "works",
      check: ({ server }) => {
        const bytes = server.requests.filter(isUploadData).reduce((sum, { bytesIn }) => sum + bytesIn, 0);
        expect(bytes, "bytes sent for 52 kB of layers").toBeLessThan(120_000);
      },
    },
    {
      name: "cuts each connection at once",
      on: when(isUploadData, { kind: "cut request", after: 1 }),
      ground: { server: { keepsCutChunks: false } },
      outcome: ["UNAVAILABLE"],
    },
    {
      name: "takes a whole upload and loses the answer",
      on: when(isUploadData, { kind: "cut response", after: 0 }, 1),
      outcome: "works",
    },
    {
      name: "takes a chunk and loses the answer",
      on: when(({ method }) => method === "PATCH", { kind: "cut response", after: 0 }, 2),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "takes a manifest and loses the answer",
      on: when(isManifestPut, { kind: "cut response", after: 0 }, 1),
      outcome: "works",
    },
    {
      name: "says that a chunk is out of order",
      on: when(({ method }) => method === "PATCH", { kind: "answer", status: 416, body: "{}" }, 2),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "says always that chunks are out of order",
      on: when(({ method }) => method === "PATCH", { kind: "answer", status: 416, body: "{}" }),
      ground: CHUNKED,
      outcome: ["UNAVAILABLE", "INVALID_RESPONSE", "OUT_OF_RANGE"],
    },
    {
      name: "loses an upload",
      on: when(isUploadData, { kind: "answer", status: 404, body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}' }, 1),
      outcome: "works",
    },
    {
      name: "loses uploads between chunks",
      on: everyNth(({ method }) => method === "PATCH", 5, { kind: "answer", status: 404, body: "{}" }),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "loses every upload",
      on: when(isUploadData, { kind: "answer", status: 404, body: "{}" }),
      outcome: ["UNAVAILABLE", "NOT_FOUND", "INVALID_RESPONSE"],
    },
    {
      name: "claims to have more of an upload than was sent",
      on: when(({ method }) => method === "PATCH", { kind: "headers", headers: { range: "0-9999999" } }),
      ground: CHUNKED,
      outcome: ["INVALID_RESPONSE", "UNAVAILABLE", "OUT_OF_RANGE"],
    },
    {
      name: "claims never to have got anything of an upload",
      on: when(({ method, url }) => method === "PATCH" || (method === "GET" && url.includes("/uploads/")), {
        kind: "headers",
        headers: { range: "0-0" },
      }),
      ground: CHUNKED,
      outcome: ["INVALID_RESPONSE", "UNAVAILABLE", "OUT_OF_RANGE"],
    },
    {
      name: "wants chunks of a size that nobody has",
      on: when(isUploadStart, { kind: "headers", headers: { "oci-chunk-min-length": "99999999999999999999" } }),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "wants chunks of a size that is no number",
      on: when(isUploadStart, { kind: "headers", headers: { "oci-chunk-min-length": "-many" } }),
      ground: CHUNKED,
      outcome: "works",
    },
    {
      name: "wants chunks larger than those it is sent",
      on: undefined,
      ground: { ...CHUNKED, server: { minimumChunk: 12_000 } },
      outcome: "works",
    },
    { name: "fails on every third call", on: everyNth(any, 3, failing), outcome: "works" },
    {
      name: "fails on every third call, chunk by chunk",
      on: everyNth(any, 3, failing),
      ground: CHUNKED,
      outcome: "works",
    },
    { name: "fails always", on: when(any, failing), outcome: ["UNAVAILABLE"] },
    { name: "fails at the end of each upload", on: when(isUploadData, failing), outcome: ["UNAVAILABLE"] },
    {
      name: "fails with a body that never ends",
      on: when(isUploadData, { kind: "flood", status: 500, bytes: 2 ** 30 }),
      outcome: ["UNAVAILABLE"],
    },
    {
      name: "wants to be asked later",
      on: when(any, tooMany("7"), 4),
      outcome: "works",
      check: (ground) => expect(waited(ground)).toBeGreaterThanOrEqual(7000),
    },
    { name: "wants to be asked later, for ever", on: when(any, tooMany("1")), outcome: ["RESOURCE_EXHAUSTED"] },
    {
      name: "refuses HEAD",
      on: when(({ method }) => method === "HEAD", { kind: "answer", status: 405 }),
      outcome: "works",
    },
    {
      name: "fails on HEAD",
      on: when(isBlobHead, { kind: "answer", status: 400 }),
      outcome: "works",
    },
    {
      name: "says that it has the blobs, in another size",
      on: when(isBlobHead, { kind: "answer", status: 200, headers: { "content-length": "7" } }),
      outcome: ["SIZE_MISMATCH"],
    },
    {
      name: "redirects uploads to another host",
      on: when(isUploadData, redirect("https://storage.example/upload")),
      ground: { https: true },
      outcome: [...NOT_THERE, "NOT_FOUND"],
    },
    {
      name: "does not want it",
      on: when(isUploadStart, { kind: "answer", status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' }),
      outcome: ["PERMISSION_DENIED"],
    },
    {
      name: "does not want it with HTML",
      on: when(isUploadStart, { kind: "answer", status: 403, body: `<html>${"x".repeat(100_000)}` }),
      outcome: ["PERMISSION_DENIED"],
    },
    {
      name: "takes blobs and forgets them",
      on: when(isUploadData, {
        kind: "answer",
        status: 201,
        headers: { location: "/v2/hello/blobs/x" },
      }),
      outcome: ["NOT_FOUND", "INVALID_RESPONSE", "UNAVAILABLE"],
    },
  ];

  for (const { name, on, outcome, ground: how, check } of CASES) {
    it(`${name}: ${outcome === "works" ? "works" : "fails"}`, async () => {
      const ground = await hostileGround(how);
      const image = await bulkySample();
      ground.misbehave(on);
      await expectOutcome(outcome, () => ground.registry.push(image, `${ground.host}/hello:1`));
      const repository = ground.server.repositories.get("hello");
      if (outcome === "works") {
        expect(repository?.tags.get("1")).toBe(image.descriptor.digest);
        const stored = [...(repository?.blobs.keys() ?? []), ...(repository?.manifests.keys() ?? [])];
        expect(stored.sort()).toEqual(await storedDigests(image.content));
      }
      await expectNoHarm(ground, 0);
      await check?.(ground, image);
    });
  }

  describe("does not mount, since it", () => {
    const isMount = (request: RecordedRequest): boolean => isUploadStart(request) && request.url.includes("mount=");
    const answer = (status: number): Fault => ({ kind: "answer", status, body: "{}" });
    const MOUNTS: readonly (readonly [string, Fault, number])[] = [
      ["begins an upload instead", { kind: "headers", headers: {} }, Number.POSITIVE_INFINITY],
      ...[400, 403, 404, 405, 500, 501].map(
        (status) => [`answers ${status}`, answer(status), Number.POSITIVE_INFINITY] as const,
      ),
      [
        "asks for credentials anew",
        { kind: "answer", status: 401, headers: { "www-authenticate": "Basic realm=x" } },
        99,
      ],
      ["cuts the connection", { kind: "cut response", after: 0 }, 99],
      [
        "says 201 of another blob",
        {
          kind: "answer",
          status: 201,
          headers: { location: "/x", "docker-content-digest": `sha256:${"0".repeat(64)}` },
        },
        99,
      ],
    ];
    for (const [name, fault, times] of MOUNTS) {
      it(`${name}: uploads`, async () => {
        const ground = await hostileGround({ server: { mounts: "never" } });
        ground.misbehave(when(isMount, fault, times));
        const bytes = new TextEncoder().encode("a blob to be mounted");
        const digest = digestOf(bytes);
        ground.server.repositories.of("other").blobs.set(digest, bytes);
        const repository = ground.registry.repository(`${ground.host}/hello`);
        const source = { digest, size: bytes.byteLength, body: bytes };
        expect(await repository.pushBlob(source, { mountFrom: ["other"] })).toBe("uploaded");
        expect(ground.server.repositories.get("hello")?.blobs.get(digest)).toEqual(Buffer.from(bytes));
        expect(ground.leaks()).toEqual([]);
      });
    }
  });
});

describe("credentials", () => {
  const TOKENS: HostileOptions["server"] = { auth: { kind: "bearer", username: "user", password: "secret" } };

  it("go to a token service at another origin, if the registry names it by https", async () => {
    const ground = await hostileGround({ https: true, server: TOKENS });
    await pushSample(ground);
    expect(ground.leaks()).toEqual([]);
    const tokens = ground.sent.filter(({ url }) => url.startsWith("https://token.example/token"));
    expect(tokens.length).toBeGreaterThan(0);
  });

  it("do not go there if the caller does not allow it", async () => {
    const asked: string[] = [];
    const ground = await hostileGround({
      https: true,
      server: TOKENS,
      client: {
        allowTokenService: (service, registry) => {
          asked.push(`${service.origin} ${registry}`);
          return false;
        },
      },
    });
    await expectOutcome(["PERMISSION_DENIED", "UNAUTHENTICATED"], () => pushSample(ground));
    expect(
      ground.sent.filter(({ url, authorization }) => authorization !== undefined && url.includes("token.example")),
    ).toEqual([]);
    expect(new Set(asked)).toEqual(new Set(["https://token.example registry.example"]));
  });

  for (const realm of [
    "http://token.example/token",
    "https://10.0.0.1/token",
    "ftp://token.example/",
    "token",
    "http://[",
  ]) {
    it(`do not go to the realm ${realm}`, async () => {
      const ground = await hostileGround({
        https: true,
        server: TOKENS,
        client: { allowTokenService: (service) => service.hostname === "token.example" },
      });
      ground.misbehave(({ server }) =>
        server === "registry"
          ? {
              kind: "answer",
              status: 401,
              headers: { "www-authenticate": `Bearer realm="${realm}",service="registry.example"` },
            }
          : "ok",
      );
      await expectOutcome(["PERMISSION_DENIED", "UNAUTHENTICATED", "INVALID_RESPONSE"], () => pushSample(ground));
      expect(ground.sent.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
      expect(ground.sent.filter(({ url }) => !url.startsWith("https://registry.example/"))).toEqual([]);
    });
  }

  it("are fetched anew when tokens have ended in the middle", async () => {
    const ground = await hostileGround({ https: true, server: TOKENS });
    const image = await pushSample(ground);
    ground.server.revokeTokens();
    const found = await ground.registry.source(`${ground.host}/hello:1`).resolve();
    ground.server.revokeTokens();
    const content = createMemoryContentStore();
    await copyImage(found.content, content, found.descriptor);
    expect(await storedDigests(content)).toEqual(await storedDigests(image.content));
  });

  it("may be an identity token, which goes to the token service by POST and nowhere else", async () => {
    const ground = await hostileGround({
      https: true,
      server: { auth: { kind: "bearer", identityToken: "refresh-me" } },
      client: { credentials: () => ({ identityToken: "refresh-me" }) },
    });
    await pushSample(ground);
    const tokens = ground.server.requests.filter(({ server }) => server === "token");
    expect(new Set(tokens.map(({ method }) => method))).toEqual(new Set(["POST"]));
    expect(ground.sent.filter(({ url, authorization }) => `${url} ${authorization}`.includes("refresh-me"))).toEqual(
      [],
    );
  });

  it("that are wrong are an error that says so, and are not tried again and again", async () => {
    for (const auth of [TOKENS.auth, { kind: "basic", username: "user", password: "secret" } as const]) {
      const ground = await hostileGround({
        https: true,
        server: { ...(auth && { auth }) },
        client: { credentials: () => ({ username: "user", password: "wrong" }) },
      });
      await expectOutcome(["UNAUTHENTICATED"], () => pushSample(ground));
      expect(ground.server.requests.length).toBeLessThan(20);
    }
  });

  it("are asked for no more than the request needs, and mounts ask for both repositories", async () => {
    const ground = await hostileGround({ https: true, server: TOKENS });
    const bytes = new TextEncoder().encode("a blob to be mounted");
    const digest = digestOf(bytes);
    ground.server.repositories.of("other").blobs.set(digest, bytes);
    const repository = ground.registry.repository(`${ground.host}/hello`);
    const source = { digest, size: bytes.byteLength, body: bytes };
    expect(await repository.pushBlob(source, { mountFrom: ["other"] })).toBe("mounted");
    const last = ground.sent.filter(({ url }) => url.startsWith("https://token.example/")).at(-1);
    const scopes = new URL(last?.url ?? "").searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
    expect([...scopes].sort()).toEqual(["repository:hello:pull,push", "repository:other:pull"]);
  });
});

describe("a registry that stalls is given up", () => {
  /** Timers a hundred times as fast as the clock. */
  const hasty = (): RegistryTimers => ({
    now: () => performance.now() * 100,
    random: () => 0.5,
    sleep: async (_, signal) => signal?.throwIfAborted(),
    after(milliseconds, callback) {
      const timer = setTimeout(callback, milliseconds / 100);
      return () => clearTimeout(timer);
    },
  });
  const STALLING: readonly (readonly [string, TestRegistryOptions["on"]])[] = [
    ["before the head of its answer", when(isBlobGet, { kind: "silence" })],
    ["in the head of its answer", when(isBlobGet, { kind: "dribble", part: "head", every: 50 })],
    ["in the body of its answer", when(isBlobGet, { kind: "dribble", part: "body", every: 20 })],
  ];
  for (const [name, on] of STALLING) {
    it(`${name}, by a pull`, async () => {
      const ground = await hostileGround({ client: { timers: hasty(), retry: { tries: 2 } } });
      const image = await seedSample(ground);
      const content = createMemoryContentStore();
      ground.misbehave(on);
      await expectOutcome(["UNAVAILABLE"], () => pull(ground, content, image));
      await expectOnlyWhole(content, image);
    });
  }

  it("after an upload, by a push", async () => {
    const ground = await hostileGround({ client: { timers: hasty(), retry: { tries: 1, idle: 10 } } });
    ground.misbehave(when(isUploadData, { kind: "silence" }));
    const image = await bulkySample();
    await expectOutcome(["UNAVAILABLE"], () => ground.registry.push(image, `${ground.host}/hello:1`));
    expect(ground.server.repositories.get("hello")?.tags.size).toBe(0);
  });
});

describe("a signal", () => {
  const HANGING: readonly (readonly [string, TestRegistryOptions["on"]])[] = [
    ["an answer that never comes", when(any, { kind: "silence" })],
    ["a head that comes byte by byte", when(any, { kind: "dribble", part: "head", every: 50 })],
    ["a blob that comes byte by byte", when(isBlobGet, { kind: "dribble", part: "body", every: 20 })],
  ];
  for (const [name, on] of HANGING) {
    it(`ends a pull that waits for ${name}`, async () => {
      const ground = await hostileGround();
      const image = await seedSample(ground);
      const before = ground.server.requests.length;
      const reason = new Error("no patience");
      const controller = new AbortController();
      ground.misbehave((request) => {
        const fault = on?.(request);
        if (fault !== "ok") setTimeout(() => controller.abort(reason), 100);
        return fault;
      });
      const content = createMemoryContentStore();
      const { signal } = controller;
      const pulling = (async () => {
        const found = await ground.client().source(`${ground.host}/hello:1`).resolve({ signal });
        await copyImage(found.content, content, found.descriptor, { signal });
      })();
      await expect(pulling).rejects.toBe(reason);
      await expectNoHarm(ground, before);
      await expectSoundStore(ground, content, image);
    });
  }

  it("ends a push that waits", async () => {
    const ground = await hostileGround();
    const reason = new Error("no patience");
    const controller = new AbortController();
    ground.misbehave((request) => {
      if (!isUploadData(request)) return "ok";
      setTimeout(() => controller.abort(reason), 50);
      return { kind: "silence" };
    });
    const pushing = ground.registry.push(await bulkySample(), `${ground.host}/hello:1`, { signal: controller.signal });
    await expect(pushing).rejects.toBe(reason);
    expect(ground.server.repositories.get("hello")?.tags.size).toBe(0);
  });
});

describe("an upload that another run began", () => {
  it("is gone on with from the offset that the registry has", async () => {
    const chunkSize = 256 * 1024;
    const metadata = createMemoryMetadataStore();
    const ground = await hostileGround({ client: { metadata, chunkSize, concurrency: 1 } });
    const image = await sampleImage(createMemoryContentStore(), {
      compression: "uncompressed",
      layers: [{ "large.bin": incompressible(2 * 1024 * 1024, 3) }],
    });
    const controller = new AbortController();
    const reason = new Error("killed");
    let patches = 0;
    ground.misbehave(({ method }) => {
      if (method === "PATCH" && ++patches === 4) controller.abort(reason);
      return "ok";
    });
    const name = `${ground.host}/hello:1`;
    await expect(ground.registry.push(image, name, { signal: controller.signal })).rejects.toBe(reason);
    ground.misbehave(undefined);
    const before = ground.server.requests.length;
    await ground.client().push(image, name);
    const bytesOf = (requests: readonly RecordedRequest[]): number =>
      requests.filter(isUploadData).reduce((sum, { bytesIn }) => sum + bytesIn, 0);
    const size = [...image.layers, image.config].reduce((sum, layer) => sum + layer.size, 0);
    expect(bytesOf(ground.server.requests.slice(before))).toBeLessThanOrEqual(size - 3 * chunkSize);
    expect(bytesOf(ground.server.requests)).toBeLessThan(size + chunkSize + 1);
    expect(ground.server.repositories.get("hello")?.tags.get("1")).toBe(image.descriptor.digest);
  });
});
