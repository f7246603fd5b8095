import { onTestFinished } from "vitest";
import { createMemoryContentStore } from "../../../src/content/index.ts";
import { createRegistry } from "../../../src/registry/create-registry.ts";
import type { Registry, RegistryOptions } from "../../../src/registry/index.ts";
import { type NamedRequest, namedHosts } from "../../support/registry-server/named-hosts.ts";
import {
  type Fault,
  type RecordedRequest,
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../support/registry-server/test-registry.ts";
import { blobBytes, type SampleImage, sampleImage, storedDigests } from "../../support/sample-image.ts";
import { type VirtualTimers, virtualTimers } from "./virtual-timers.ts";

/** A registry that may misbehave, and a client of it that has credentials to lose. */
export interface HostileGround {
  readonly server: TestRegistry;
  /** How the client calls the registry. */
  readonly host: string;
  readonly registry: Registry;
  readonly timers: VirtualTimers;
  /** All that the client sent, also to where nobody is. */
  readonly sent: readonly NamedRequest[];
  /** From now on the server does what `on` says. */
  misbehave(on: TestRegistryOptions["on"]): void;
  /** Requests with credentials that went anywhere but to the registry and its token service. */
  leaks(): readonly NamedRequest[];
  /** Another client of the same server, with the same fetch, clock and credentials unless said otherwise. */
  client(options?: RegistryOptions): Registry;
}

export interface HostileOptions {
  readonly server?: TestRegistryOptions;
  readonly client?: RegistryOptions;
  /** The client knows the servers as `https://registry.example`, `https://token.example`, `https://storage.example`. Default false. */
  readonly https?: boolean;
}

export const USERNAME = "user";
export const PASSWORD = "secret";

/** Starts one; it ends with the test. */
export async function hostileGround({
  server: how = {},
  client = {},
  https = false,
}: HostileOptions = {}): Promise<HostileGround> {
  let on: TestRegistryOptions["on"];
  const server = await startTestRegistry({
    auth: { kind: "basic", username: USERNAME, password: PASSWORD },
    ...(https && { origins: { token: "https://token.example", storage: "https://storage.example" } }),
    ...how,
    on: (request) => on?.(request),
  });
  onTestFinished(() => server.stop());
  const hosts = namedHosts({
    [`http://${server.host}`]: server.host,
    [`http://${server.tokenHost}`]: server.tokenHost,
    [`http://${server.storageHost}`]: server.storageHost,
    "https://registry.example": server.host,
    "https://token.example": server.tokenHost,
    "https://storage.example": server.storageHost,
  });
  const host = https ? "registry.example" : server.host;
  const timers = virtualTimers();
  const create = (options: RegistryOptions = {}): Registry =>
    createRegistry({
      fetch: hosts.fetch,
      timers,
      credentials: () => ({ username: USERNAME, password: PASSWORD }),
      ...client,
      ...options,
    });
  const trusted = https
    ? ["https://registry.example", "https://token.example"]
    : [`http://${server.host}`, `http://${server.tokenHost}`];
  return {
    server,
    host,
    registry: create(),
    timers,
    sent: hosts.requests,
    misbehave(next) {
      on = next;
    },
    leaks: () =>
      hosts.requests.filter(
        ({ url, authorization }) => authorization !== undefined && !trusted.includes(new URL(url).origin),
      ),
    client: create,
  };
}

/** Puts an image with two layers of some kilobytes into the server as `hello:1`, without any request. */
export async function seedSample({ server }: HostileGround, layerSize?: number): Promise<SampleImage> {
  const image = await bulkySample(layerSize);
  const { blobs, manifests, tags } = server.repositories.of("hello");
  const { digest, mediaType } = image.descriptor;
  for (const stored of await storedDigests(image.content)) {
    const bytes = await blobBytes(image.content, stored);
    if (stored === digest) manifests.set(stored, { mediaType, bytes });
    else blobs.set(stored, bytes);
  }
  tags.set("1", digest);
  return image;
}

/** Pushes the same. */
export async function pushSample({ registry, host }: HostileGround): Promise<SampleImage> {
  const image = await bulkySample();
  await registry.push(image, `${host}/hello:1`);
  return image;
}

/** Two layers that do not compress, by default of 20 and 30 kB. */
export async function bulkySample(layerSize?: number): Promise<SampleImage> {
  return sampleImage(createMemoryContentStore(), {
    compression: "uncompressed",
    layers: [{ "a.bin": incompressible(layerSize ?? 20_000, 1) }, { "b.bin": incompressible(layerSize ?? 30_000, 2) }],
  });
}

/** Bytes that are the same in each run. */
export function incompressible(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed + 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** What a rule of {@link when} may ask of a request. */
type Match = (request: RecordedRequest) => boolean;

export const isManifestGet: Match = ({ method, url }) => method === "GET" && url.includes("/manifests/");
export const isManifestRead: Match = ({ method, url }) =>
  (method === "GET" || method === "HEAD") && url.includes("/manifests/");
export const isBlobGet: Match = ({ method, url }) => method === "GET" && /\/blobs\/sha256:/.test(url);
export const isBlobHead: Match = ({ method, url }) => method === "HEAD" && /\/blobs\/sha256:/.test(url);
export const isUploadStart: Match = ({ method, url }) => method === "POST" && url.includes("/blobs/uploads/");
export const isUploadData: Match = ({ method, url }) =>
  (method === "PUT" || method === "PATCH") && url.includes("/blobs/uploads/");
export const isManifestPut: Match = ({ method, url }) => method === "PUT" && url.includes("/manifests/");
export const any: Match = () => true;

/**
 * The fault for requests that match, the first `times` of them; all others are served well. Requests that the server refuses for want
 * of credentials do not count.
 */
export function when(
  match: Match,
  fault: Fault | ((request: RecordedRequest) => Fault),
  times: number = Number.POSITIVE_INFINITY,
): (request: RecordedRequest) => Fault | "ok" {
  let count = 0;
  return (request: RecordedRequest): Fault | "ok" => {
    if (request.server === "registry" && request.headers.authorization === undefined) return "ok";
    if (!match(request) || count >= times) return "ok";
    count++;
    return typeof fault === "function" ? fault(request) : fault;
  };
}

/** A fault for every so-manieth request that matches. */
export function everyNth(match: Match, nth: number, fault: Fault): (request: RecordedRequest) => Fault | "ok" {
  let count = 0;
  return (request: RecordedRequest): Fault | "ok" => (match(request) && ++count % nth === 0 ? fault : "ok");
}
