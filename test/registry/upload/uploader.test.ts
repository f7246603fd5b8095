import { describe, expect, it, onTestFinished } from "vitest";
import type { ByteRange } from "../../../src/bytes.ts";
import { digestOf } from "../../../src/hash/index.ts";
import type { ProgressEvent } from "../../../src/progress.ts";
import { createRegistry } from "../../../src/registry/create-registry.ts";
import type { RegistryOptions, Repository, UploadSource } from "../../../src/registry/index.ts";
import { uploadKey } from "../../../src/registry/upload/upload-record.ts";
import { createMemoryMetadataStore, type MetadataStore } from "../../../src/snapshots/index.ts";
import {
  type RecordedRequest,
  startTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "../../support/registry-server/test-registry.ts";
import { isUploadData, isUploadStart } from "../support/hostile-ground.ts";
import { virtualTimers } from "../support/virtual-timers.ts";

interface Ground {
  readonly server: TestRegistry;
  readonly repository: Repository;
  client(options?: RegistryOptions): Repository;
  /** What was asked of `hello`, without ids, states and digests. */
  asked(): readonly string[];
  /** Bytes of upload bodies. */
  sent(): number;
}

async function ground(how: TestRegistryOptions = {}, options: RegistryOptions = {}): Promise<Ground> {
  const server = await startTestRegistry({ mounts: "named", ...how });
  onTestFinished(() => server.stop());
  const client = (more: RegistryOptions = {}): Repository =>
    createRegistry({ timers: virtualTimers(), ...options, ...more }).repository(`${server.host}/hello`);
  return {
    server,
    client,
    repository: client(),
    asked: () =>
      server.requests.map(({ method, url, headers }) => {
        const range = headers["content-range"];
        return `${method} ${shortened(url)}${range === undefined ? "" : ` ${String(range)}`}`;
      }),
    sent: () => server.requests.filter(isUploadData).reduce((sum, { bytesIn }) => sum + bytesIn, 0),
  };
}

const shortened = (url: string): string =>
  url
    .replace("/v2/hello", "")
    .replace(/sha256(?::|%3A)[0-9a-f]{64}/g, "DIGEST")
    .replace(/uploads\/[0-9a-f-]{36}/, "uploads/ID")
    .replace(/_state=\d+/, "S");

const noise = (size: number, seed = 1): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
};

/** A blob as a source that is read in small pieces. */
function sourceOf(bytes: Uint8Array<ArrayBuffer>): UploadSource & { readonly opened: (ByteRange | undefined)[] } {
  const opened: (ByteRange | undefined)[] = [];
  return {
    digest: digestOf(bytes),
    size: bytes.byteLength,
    opened,
    body: {
      size: bytes.byteLength,
      async *open(range) {
        opened.push(range);
        for (let at = range?.offset ?? 0; at < bytes.byteLength; at += 4096) yield bytes.subarray(at, at + 4096);
      },
    },
  };
}

const LARGE = 3 * 1024 * 1024;
const only = (method: string) => (request: RecordedRequest) => request.method === method;

describe("a blob", () => {
  it("that is large goes in one streaming PATCH, as Docker sends it, unless somebody wants to go on with it another day", async () => {
    const { repository, asked, server } = await ground();
    const source = sourceOf(noise(LARGE));
    expect(await repository.pushBlob(source)).toBe("uploaded");
    expect(asked()).toEqual([
      "HEAD /blobs/DIGEST",
      "POST /blobs/uploads/?mount=DIGEST",
      "PATCH /blobs/uploads/ID?S",
      "PUT /blobs/uploads/ID?S&digest=DIGEST",
    ]);
    expect(source.opened).toEqual([undefined]);
    const patch = server.requests.find(only("PATCH"));
    expect(patch?.headers["content-length"]).toBe(String(LARGE));
    expect(patch?.headers["content-type"]).toBe("application/octet-stream");
  });

  it("goes in chunks where uploads are remembered, read once from beginning to end", async () => {
    const { repository, asked } = await ground({}, { metadata: createMemoryMetadataStore(), chunkSize: 1_500_000 });
    const source = sourceOf(noise(LARGE));
    expect(await repository.pushBlob(source)).toBe("uploaded");
    expect(asked().filter((line) => line.startsWith("PATCH"))).toEqual([
      "PATCH /blobs/uploads/ID?S 0-1499999",
      "PATCH /blobs/uploads/ID?S 1500000-2999999",
      `PATCH /blobs/uploads/ID?S 3000000-${LARGE - 1}`,
    ]);
    expect(source.opened).toEqual([undefined]);
  });

  it("is sent in larger chunks than wished for if the registry wants that", async () => {
    const { repository, asked } = await ground({ minimumChunk: 2_000_000 }, { chunkSize: 1_000_000 });
    expect(await repository.pushBlob(sourceOf(noise(LARGE)))).toBe("uploaded");
    expect(asked().filter((line) => line.startsWith("PATCH"))).toEqual([
      "PATCH /blobs/uploads/ID?S 0-1999999",
      `PATCH /blobs/uploads/ID?S 2000000-${LARGE - 1}`,
    ]);
  });

  it("of which the source breaks off is no blob, and the upload is taken back", async () => {
    const { repository, server } = await ground();
    const bytes = noise(LARGE);
    const broken = new Error("the disk is gone");
    const body = {
      size: LARGE,
      async *open() {
        yield bytes.subarray(0, 100_000);
        throw broken;
      },
    };
    await expect(repository.pushBlob({ digest: digestOf(bytes), size: LARGE, body })).rejects.toBe(broken);
    await expect.poll(() => server.repositories.get("hello")?.uploads.size).toBe(0);
    expect(server.repositories.get("hello")?.blobs.size).toBe(0);
    // What is wrong here is not tried again.
    expect(server.requests.filter(isUploadStart)).toHaveLength(1);
  });

  it("has the size that it is said to have", async () => {
    const { repository, server } = await ground();
    const bytes = noise(100);
    await expect(repository.pushBlob({ digest: digestOf(bytes), size: 99, body: bytes })).rejects.toMatchObject({
      code: "SIZE_MISMATCH",
    });
    expect(server.requests).toEqual([]);
  });

  it("is sent once, however many push it at the same time", async () => {
    const { repository, server, sent } = await ground();
    const source = sourceOf(noise(LARGE));
    const outcomes = await Promise.all([1, 2, 3].map(() => repository.pushBlob(source)));
    expect(outcomes).toEqual(["uploaded", "uploaded", "uploaded"]);
    expect(server.requests.filter(isUploadStart)).toHaveLength(1);
    expect(sent()).toBe(LARGE);
  });

  it("reports the bytes that are on their way", async () => {
    const { repository } = await ground();
    const events: ProgressEvent[] = [];
    const source = sourceOf(noise(LARGE));
    await repository.pushBlob(source, { onProgress: (event) => events.push(event) });
    expect(events[0]).toMatchObject({ id: `pushing blob ${source.digest}`, state: "started" });
    expect(events.at(-1)).toMatchObject({ state: "completed", current: LARGE, total: LARGE });
    expect(events.filter(({ state }) => state === "running").length).toBeGreaterThan(5);
    events.length = 0;
    await repository.pushBlob(source, { onProgress: (event) => events.push(event) });
    expect(events.at(-1)).toMatchObject({
      state: "completed",
      cached: true,
      name: expect.stringContaining("(exists)"),
    });
  });
});

describe("a mount", () => {
  it("is tried from each repository that may have the blob, and only then is something sent", async () => {
    const { repository, server, asked } = await ground();
    const bytes = noise(1000);
    server.repositories.of("third").blobs.set(digestOf(bytes), bytes);
    const events: ProgressEvent[] = [];
    const outcome = await repository.pushBlob(sourceOf(bytes), {
      mountFrom: ["hello", "first", "second", "second", "third"],
      onProgress: (event) => events.push(event),
    });
    expect(outcome).toBe("mounted");
    expect(asked()).toEqual([
      "HEAD /blobs/DIGEST",
      "POST /blobs/uploads/?mount=DIGEST&from=first",
      "POST /blobs/uploads/?mount=DIGEST&from=second",
      "DELETE /blobs/uploads/ID?S",
      "POST /blobs/uploads/?mount=DIGEST&from=third",
      "DELETE /blobs/uploads/ID?S",
    ]);
    expect(server.repositories.get("hello")?.uploads.size).toBe(0);
    expect(events.at(-1)?.name).toContain("(mounted from third)");
  });

  it("that becomes an upload is that upload", async () => {
    const { repository, asked } = await ground();
    expect(await repository.pushBlob(sourceOf(noise(1000)), { mountFrom: ["first"] })).toBe("uploaded");
    expect(asked()).toEqual([
      "HEAD /blobs/DIGEST",
      "POST /blobs/uploads/?mount=DIGEST&from=first",
      "PUT /blobs/uploads/ID?S&digest=DIGEST",
    ]);
  });

  it("needs no name where the registry finds the blob by itself", async () => {
    const { repository, server, sent } = await ground({ mounts: "anonymous" });
    const bytes = noise(1000);
    server.repositories.of("somewhere").blobs.set(digestOf(bytes), bytes);
    expect(await repository.pushBlob(sourceOf(bytes))).toBe("mounted");
    expect(sent()).toBe(0);
  });
});

describe("a registry that does not like how a blob is sent", () => {
  const refuse = (method: string, status: number, times = Number.POSITIVE_INFINITY) => {
    let count = 0;
    return (request: RecordedRequest) =>
      request.method === method && count++ < times ? ({ kind: "answer", status, body: "{}" } as const) : "ok";
  };

  it("gets no chunks if it takes none, and no other blob in chunks either", async () => {
    const metadata = createMemoryMetadataStore();
    const on = (request: RecordedRequest) =>
      request.headers["content-range"] === undefined ? "ok" : ({ kind: "answer", status: 405, body: "{}" } as const);
    const { repository, asked } = await ground({ on }, { metadata, chunkSize: 1_000_000 });
    expect(await repository.pushBlob(sourceOf(noise(LARGE, 1)))).toBe("uploaded");
    expect(await repository.pushBlob(sourceOf(noise(LARGE, 2)))).toBe("uploaded");
    const patches = asked().filter((line) => line.startsWith("PATCH"));
    expect(patches).toEqual([
      "PATCH /blobs/uploads/ID?S 0-999999",
      "PATCH /blobs/uploads/ID?S",
      "PATCH /blobs/uploads/ID?S",
    ]);
    expect(await metadata.keys("")).toEqual([]);
  });

  it("gets all in the PUT if it knows no PATCH", async () => {
    for (const status of [404, 405, 501]) {
      const { repository, server } = await ground({ on: refuse("PATCH", status) });
      const bytes = noise(LARGE);
      expect(await repository.pushBlob(sourceOf(bytes))).toBe("uploaded");
      expect(server.repositories.get("hello")?.blobs.get(digestOf(bytes))?.byteLength).toBe(LARGE);
    }
  });

  it("gets smaller requests if it calls them too large", async () => {
    const on = ({ method, headers }: RecordedRequest) =>
      method === "PATCH" && Number(headers["content-length"]) > 800_000
        ? ({ kind: "answer", status: 413, body: "{}" } as const)
        : "ok";
    const { repository, server, asked } = await ground({ on });
    const bytes = noise(LARGE);
    expect(await repository.pushBlob(sourceOf(bytes))).toBe("uploaded");
    expect(server.repositories.get("hello")?.blobs.has(digestOf(bytes))).toBe(true);
    const before = asked().length;
    expect(await repository.pushBlob(sourceOf(noise(LARGE, 2)))).toBe("uploaded");
    expect(server.requests.slice(before).some(({ status }) => status === 413)).toBe(false);
  });

  it("is told why, when there is nothing else to try", async () => {
    const { repository } = await ground({ on: refuse("PUT", 413) });
    await expect(repository.pushBlob(sourceOf(noise(1000)))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/^Cannot upload blob .*413/),
    });
  });
});

describe("an upload that was cut", () => {
  it("goes on from what the registry has, within the same run", async () => {
    let cuts = 0;
    const on = (request: RecordedRequest) =>
      request.method === "PATCH" && cuts++ < 2 ? ({ kind: "cut request", after: 1_000_000 } as const) : "ok";
    const { repository, asked, sent } = await ground({ on });
    expect(await repository.pushBlob(sourceOf(noise(LARGE)))).toBe("uploaded");
    expect(sent()).toBe(LARGE);
    expect(asked().filter((line) => line.startsWith("PATCH"))).toEqual([
      "PATCH /blobs/uploads/ID?S",
      `PATCH /blobs/uploads/ID?S 1000000-${LARGE - 1}`,
      `PATCH /blobs/uploads/ID?S 2000000-${LARGE - 1}`,
    ]);
  });

  /** Leaves an upload behind that was cut off in its second chunk. */
  async function cutOff(metadata: MetadataStore, how: TestRegistryOptions = {}) {
    let patches = 0;
    let cutting = true;
    const on = (request: RecordedRequest) =>
      cutting && request.method === "PATCH" && ++patches >= 2
        ? ({ kind: "cut request", after: 500_000 } as const)
        : "ok";
    const all = await ground({ on, ...how }, { metadata, chunkSize: 1_000_000, retry: { tries: 0 } });
    const bytes = noise(LARGE);
    await expect(all.repository.pushBlob(sourceOf(bytes))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    cutting = false;
    const before = all.server.requests.length;
    return { ...all, bytes, later: () => all.asked().slice(before) };
  }

  it("goes on in another run, from the byte that the registry has", async () => {
    const metadata = createMemoryMetadataStore();
    const { client, bytes, later, sent, server } = await cutOff(metadata);
    expect(await metadata.keys("")).toEqual([uploadKey(`${server.host}/hello`, digestOf(bytes))]);
    const source = sourceOf(bytes);
    expect(await client().pushBlob(source)).toBe("uploaded");
    expect(later()).toEqual([
      "HEAD /blobs/DIGEST",
      "GET /blobs/uploads/ID?S",
      "PATCH /blobs/uploads/ID?S 1500000-2499999",
      `PATCH /blobs/uploads/ID?S 2500000-${LARGE - 1}`,
      "PUT /blobs/uploads/ID?S&digest=DIGEST",
    ]);
    expect(sent()).toBe(LARGE);
    expect(source.opened).toEqual([{ offset: 1_500_000 }]);
    expect(await metadata.keys("")).toEqual([]);
  });

  it("begins anew in another run if the registry has something else there", async () => {
    const metadata = createMemoryMetadataStore();
    const { client, bytes, server } = await cutOff(metadata);
    for (const upload of server.repositories.get("hello")?.uploads.values() ?? []) {
      for (const chunk of upload.chunks) chunk.fill(0);
    }
    expect(await client().pushBlob(sourceOf(bytes))).toBe("uploaded");
    expect(server.repositories.get("hello")?.blobs.get(digestOf(bytes))?.byteLength).toBe(LARGE);
    expect(await metadata.keys("")).toEqual([]);
  });

  it("begins anew if the registry has more than there is, or has forgotten all", async () => {
    for (const damage of ["longer", "gone"] as const) {
      const metadata = createMemoryMetadataStore();
      const { client, bytes, server } = await cutOff(metadata);
      const uploads = server.repositories.get("hello")?.uploads;
      if (damage === "gone") uploads?.clear();
      for (const upload of uploads?.values() ?? []) upload.size = LARGE + 1;
      expect(await client().pushBlob(sourceOf(bytes)), damage).toBe("uploaded");
      expect(server.repositories.get("hello")?.blobs.has(digestOf(bytes))).toBe(true);
    }
  });

  it("is gone on with rather than mounted anew, and what the mount began is taken back", async () => {
    const metadata = createMemoryMetadataStore();
    const { client, bytes, sent, server } = await cutOff(metadata);
    expect(await client().pushBlob(sourceOf(bytes), { mountFrom: ["elsewhere"] })).toBe("uploaded");
    expect(sent()).toBe(LARGE);
    expect(server.repositories.get("hello")?.uploads.size).toBe(0);
  });

  it("is finished by one run, when two go on with it at once", async () => {
    const metadata = createMemoryMetadataStore();
    const { client, bytes, server } = await cutOff(metadata);
    const retry = { tries: 5 };
    const outcomes = await Promise.all(
      [1, 2].map(() => client({ metadata, chunkSize: 100_000, retry }).pushBlob(sourceOf(bytes))),
    );
    expect(outcomes).toEqual(["uploaded", "uploaded"]);
    expect(server.repositories.get("hello")?.blobs.get(digestOf(bytes))?.byteLength).toBe(LARGE);
    expect(await metadata.keys("")).toEqual([]);
  });

  it("leaves no record when another run has finished the blob", async () => {
    const metadata = createMemoryMetadataStore();
    const { client, bytes, server } = await cutOff(metadata);
    server.repositories.get("hello")?.blobs.set(digestOf(bytes), bytes);
    expect(await client().pushBlob(sourceOf(bytes))).toBe("existing");
    expect(await metadata.keys("")).toEqual([]);
  });

  it("is not remembered with an address elsewhere", async () => {
    const metadata = createMemoryMetadataStore();
    const { server, client } = await ground({}, { metadata, chunkSize: 1_000_000, retry: { tries: 0 } });
    const bytes = noise(LARGE);
    // The same server under another origin: a session there works, but it is not the registry's own.
    const fetchElsewhere: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const location = response.headers.get("location");
      if (location === null || init?.method !== "POST") return response;
      const headers = new Headers(response.headers);
      headers.set("location", new URL(location, `http://localhost:${server.host.split(":")[1]}`).href);
      return new Response(null, { status: response.status, headers });
    };
    let keys: readonly string[] = [];
    const watched: MetadataStore = {
      ...metadata,
      compareAndSet: async (key, expected, value) => {
        keys = [...keys, key];
        return await metadata.compareAndSet(key, expected, value);
      },
    };
    expect(await client({ metadata: watched, fetch: fetchElsewhere }).pushBlob(sourceOf(bytes))).toBe("uploaded");
    expect(keys).toEqual([]);
  });
});

describe("a signal", () => {
  it("ends an upload, which stays to be gone on with where that is remembered, and is cancelled where not", async () => {
    for (const metadata of [undefined, createMemoryMetadataStore()]) {
      const reason = new Error("enough");
      const controller = new AbortController();
      let patches = 0;
      const on = (request: RecordedRequest): "ok" => {
        if (request.method === "PATCH" && ++patches === 2) controller.abort(reason);
        return "ok";
      };
      const { repository, server } = await ground({ on }, { chunkSize: 1_000_000, metadata });
      const bytes = noise(LARGE);
      await expect(repository.pushBlob(sourceOf(bytes), { signal: controller.signal })).rejects.toBe(reason);
      if (metadata === undefined) {
        await expect.poll(() => server.requests.some(only("DELETE"))).toBe(true);
      } else {
        expect(await metadata.keys("")).toHaveLength(1);
      }
    }
  });
});
