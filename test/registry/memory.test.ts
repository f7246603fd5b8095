import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { ReopenableSource } from "../../src/bytes.ts";
import { type ContentWriter, createMemoryContentStore, writeBlob } from "../../src/content/index.ts";
import type { Digest } from "../../src/oci/index.ts";
import { createRegistry } from "../../src/registry/create-registry.ts";
import { storeWith } from "../support/sample-image.ts";

const SIZE = 256 * 1024 * 1024;
const CHUNK = 64 * 1024;
/** What may lie about in between two rounds of the garbage collector; what holds a layer has all of it. */
const LIMIT = 96 * 1024 * 1024;
const DIGEST: Digest = `sha256:${"a".repeat(64)}`;

/** By how many bytes the arrays of this process grew, at the most. */
function watched(): { look(): void; readonly most: number } {
  let least = process.memoryUsage().arrayBuffers;
  let most = 0;
  return {
    look() {
      const now = process.memoryUsage().arrayBuffers;
      least = Math.min(least, now);
      most = Math.max(most, now - least);
    },
    get most() {
      return most;
    },
  };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function countBytes(request: IncomingMessage): Promise<number> {
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) size += chunk.byteLength;
  return size;
}

/** New arrays each time, as files give them. */
const source: ReopenableSource = {
  size: SIZE,
  async *open({ offset = 0, length = SIZE - offset } = {}) {
    for (let left = length; left > 0; left -= CHUNK) yield new Uint8Array(Math.min(left, CHUNK));
  },
};

it("a push holds no more of a layer than what is on the way", async () => {
  const memory = watched();
  let received = 0;
  const host = await serve(async (request, response) => {
    request.on("data", () => memory.look());
    const size = await countBytes(request);
    received += size;
    const sent = request.method === "PUT" || request.method === "PATCH";
    response.setHeader("location", "/v2/hello/blobs/uploads/1");
    response.setHeader("range", `0-${Math.max(received - 1, 0)}`);
    if (request.method === "PUT") response.setHeader("docker-content-digest", DIGEST);
    response.writeHead(request.method === "PUT" ? 201 : sent || request.method === "POST" ? 202 : 404).end();
  });
  const repository = createRegistry().repository(`${host}/hello`);
  expect(await repository.pushBlob({ digest: DIGEST, size: SIZE, body: source })).toBe("uploaded");
  expect(received).toBe(SIZE);
  expect(memory.most).toBeLessThan(LIMIT);
});

it("a pull holds no more of a layer than what is on the way, also if it can be aborted", async () => {
  const memory = watched();
  const host = await serve(async (_, response) => {
    response.writeHead(200, { "content-length": String(SIZE) });
    for await (const chunk of source.open()) {
      if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end();
  });
  let offset = 0;
  const writer: ContentWriter = {
    ref: "blob",
    async write(bytes) {
      memory.look();
      offset += bytes.byteLength;
    },
    status: () => ({ ref: "blob", offset }),
    digest: () => DIGEST,
    truncate: async () => undefined,
    commit: async () => ({ digest: DIGEST, size: offset, labels: {} }),
    close: async () => undefined,
  };
  const store = storeWith(createMemoryContentStore(), { writer: async () => writer });
  const blob = createRegistry().repository(`${host}/hello`).openBlob(DIGEST);
  const { signal } = new AbortController();
  expect(await writeBlob(store, blob, { ref: "blob", size: SIZE, digest: DIGEST, signal })).toMatchObject({
    size: SIZE,
  });
  expect(memory.most).toBeLessThan(LIMIT);
});
