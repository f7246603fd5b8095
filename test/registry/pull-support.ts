import { expect, onTestFinished } from "vitest";
import { bytesEqual, readAll } from "../../src/bytes.ts";
import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import type { Descriptor } from "../../src/oci/index.ts";
import { createRegistry, type Registry, type RegistryOptions, type Repository } from "../../src/registry/index.ts";
import {
  digestLike,
  type RecordedRequest,
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../support/registry-server/test-registry.ts";
import { type SampleImage, type SampleOptions, sampleImage } from "../support/sample-image.ts";

/** A client that waits for nothing. */
export const hurriedClient = (options: RegistryOptions = {}): Registry =>
  createRegistry({
    timers: { now: () => 0, random: () => 0, sleep: async (_, signal) => signal?.throwIfAborted() },
    ...options,
  });

/** A registry with a repository `hello`, and a client's view of that. */
export interface ServedRepository {
  readonly registry: TestRegistry;
  readonly repository: Repository;
  readonly client: Registry;
  /** `127.0.0.1:PORT/hello` */
  readonly name: string;
  /** Requests since the last call: `GET /v2/hello/tags/list`. */
  requests(): readonly RecordedRequest[];
}

/** Starts one that lives as long as the test. */
export async function serveRepository(
  server: TestRegistryOptions = {},
  options: RegistryOptions = {},
): Promise<ServedRepository> {
  const registry = await startTestRegistry(server);
  onTestFinished(() => registry.stop());
  const client = hurriedClient(options);
  const name = `${registry.host}/hello`;
  let told = 0;
  const requests = (): readonly RecordedRequest[] => {
    const since = registry.requests.slice(told);
    told = registry.requests.length;
    return since;
  };
  return { registry, client, name, repository: client.repository(name), requests };
}

/** Puts bytes into `hello`, as a blob. @returns its digest */
export function putBlob({ registry }: ServedRepository, bytes: Uint8Array): `sha256:${string}` {
  const digest = digestLike("sha256", bytes) as `sha256:${string}`;
  registry.repositories.of("hello").blobs.set(digest, bytes);
  return digest;
}

/** Puts a document into `hello`. @returns its digest */
export function putManifest(
  { registry }: ServedRepository,
  document: object | Uint8Array,
  mediaType: string,
  tag?: string,
): `sha256:${string}` {
  const bytes = document instanceof Uint8Array ? document : new TextEncoder().encode(JSON.stringify(document));
  const digest = digestLike("sha256", bytes) as `sha256:${string}`;
  const repository = registry.repositories.of("hello");
  repository.manifests.set(digest, { mediaType, bytes });
  if (tag !== undefined) repository.tags.set(tag, digest);
  return digest;
}

/** Puts an image made by hand into `hello`. */
export async function putImage(
  served: ServedRepository,
  tag: string,
  options: SampleOptions = {},
): Promise<SampleImage> {
  const image = await sampleImage(createMemoryContentStore(), options);
  for (const blob of [image.config, ...image.layers]) putBlob(served, await bytesOf(image, blob));
  putManifest(served, await bytesOf(image, image.descriptor), image.descriptor.mediaType, tag);
  return image;
}

export const bytesOf = ({ content }: SampleImage, descriptor: Descriptor): Promise<Uint8Array<ArrayBuffer>> =>
  readBlobBytes(content, descriptor, { limit: 1 << 28 });

/** Bytes that are no repetition of each other. */
export function unevenBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

export const wholeOf = (chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> =>
  readAll(chunks, 1 << 28);

/** Compares at once what `toEqual` would compare byte by byte. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.byteLength).toBe(expected.byteLength);
  expect(bytesEqual(actual, expected)).toBe(true);
}
