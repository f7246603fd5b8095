import { describe, expect, it } from "vitest";
import { bytesSource, type ReopenableSource, toReadableStream } from "../../src/bytes.ts";
import {
  type ContentWriter,
  createMemoryContentStore,
  type WriterOptions,
  withReferences,
} from "../../src/content/index.ts";
import { SlipwayError } from "../../src/errors.ts";
import { digestOf } from "../../src/hash/index.ts";
import { createSnapshotter } from "../../src/snapshots/create-snapshotter.ts";
import type { FileContent } from "../../src/snapshots/snapshotter.ts";
import { open, openWork } from "./support/open.ts";

const bytes = new TextEncoder().encode("hello wörld");
const digest = digestOf(bytes);
const code = (name: string) => expect.objectContaining({ name: "SlipwayError", code: name });

async function* inTwo(): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 3);
  yield bytes.subarray(3);
}

describe("a file's content", () => {
  it.each<[string, () => FileContent]>([
    ["a string", () => "hello wörld"],
    ["bytes", () => bytes],
    ["a Blob", () => new Blob([bytes])],
    ["a ReadableStream", () => toReadableStream(bytes)],
    ["an iterable", () => [bytes.subarray(0, 5), bytes.subarray(5)]],
    ["an async iterable", inTwo],
    ["a re-openable source", () => bytesSource(bytes)],
  ])("can be %s", async (_, content) => {
    const { content: store, snapshots } = open();
    const work = await snapshots.prepare("work");
    await work.writeFile("/f", content());
    expect((await work.stat("/f")).node).toMatchObject({ content: digest, size: bytes.byteLength });
    expect(await work.readFile("/f")).toEqual(bytes);
    expect(await store.info(digest)).toMatchObject({ size: bytes.byteLength });
  });

  it("that does not fit into the store is named by its path", async () => {
    const full = createMemoryContentStore();
    const cause = new SlipwayError("NO_SPACE", "Cannot write to ingest i: the disk is full");
    const writer = async (options: WriterOptions): Promise<ContentWriter> =>
      Object.assign(await full.writer(options), { write: () => Promise.reject(cause) });
    const content = Object.assign(Object.create(full) as typeof full, { writer });
    const work = await createSnapshotter({ content }).prepare("work");
    await expect(
      work.writeFile("/srv/f", new Blob(["x"])).catch((error) => [error.code, error.message, error.cause]),
    ).resolves.toEqual(["NO_SPACE", "Cannot write /srv/f: Cannot write to ingest i: the disk is full", cause]);
    expect(await work.exists("/srv/f")).toBe(false);
  });

  it("can be empty", async () => {
    const work = await openWork();
    for (const content of ["", new Uint8Array(), new Blob([]), []]) {
      await work.writeFile("/f", content);
      expect(await work.readFile("/f")).toEqual(new Uint8Array());
      expect((await work.stat("/f")).node).toMatchObject({ content: digestOf(new Uint8Array()), size: 0 });
    }
  });

  it("can be what the store has, or what will never be read", async () => {
    const { content, snapshots } = open();
    const work = await snapshots.prepare("work");
    await work.writeFile("/f", { digest, size: 11 });
    expect((await work.stat("/f")).node).toMatchObject({ content: digest, size: 11 });
    await expect(work.readFile("/f")).rejects.toEqual(code("NOT_FOUND"));
    await expect(content.info(digest)).rejects.toEqual(code("NOT_FOUND"));
    await expect(work.writeFile("/f", { digest: "sha256:../x", size: 1 })).rejects.toEqual(code("INVALID_DIGEST"));
    await expect(work.writeFile("/f", { digest, size: -1 })).rejects.toEqual(code("INVALID_ARGUMENT"));
  });

  it.each([
    ["null", null],
    ["a number", 5],
    ["an object", {}],
    ["numbers", [1, 2]],
    ["a stream of strings", new Blob(["x"]).stream().pipeThrough(new TextDecoderStream())],
  ])("cannot be %s", async (_, content) => {
    const work = await openWork();
    await expect(work.writeFile("/f", content as never)).rejects.toEqual(code("INVALID_ARGUMENT"));
    expect(await work.exists("/f")).toBe(false);
  });

  it("is read in part, verified as a whole", async () => {
    const { content, snapshots } = open();
    const work = await snapshots.prepare("work");
    const large = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff);
    await work.writeFile("/f", large);
    const read = async (offset?: number, length?: number) => {
      const chunks: number[] = [];
      for await (const chunk of work.read("/f", { offset, length })) chunks.push(...chunk);
      return Uint8Array.from(chunks);
    };
    expect(await read(1000, 10)).toEqual(large.subarray(1000, 1010));
    expect(await read(299_999)).toEqual(large.subarray(299_999));
    expect(await read(0, 0)).toEqual(new Uint8Array());
    await expect(read(299_999, 2)).rejects.toEqual(code("OUT_OF_RANGE"));
    const corrupt = { ...content, info: content.info, open: () => content.open(digestOf(large)) };
    const wrong = createSnapshotter({ content: corrupt });
    const other = await wrong.prepare("other");
    await other.writeFile("/f", { digest: digestOf(bytes), size: 300_000 });
    await expect(other.readFile("/f")).rejects.toEqual(code("DIGEST_MISMATCH"));
  });

  it("that fails or is aborted on its way leaves the tree as it was", async () => {
    const { content, snapshots } = open();
    const work = await snapshots.prepare("work");
    await work.writeFile("/f", "old");
    const before = await work.tree();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("the disk is gone");
    }
    await expect(work.writeFile("/f", failing())).rejects.toThrow("the disk is gone");
    await expect(work.writeFile("/new/g", failing())).rejects.toThrow("the disk is gone");
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield bytes;
      controller.abort(new Error("stopped"));
      for (;;) yield bytes;
    }
    await expect(work.writeFile("/f", endless(), { signal: controller.signal })).rejects.toThrow("stopped");
    await expect(work.writeFile("/f", "x", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow(
      "before",
    );
    const lying: ReopenableSource = { size: 5, open: () => inTwo() };
    await expect(work.writeFile("/f", lying)).rejects.toEqual(code("SIZE_MISMATCH"));
    expect(await work.tree()).toBe(before);
    for await (const status of content.statuses()) throw new Error(`an ingest was left: ${status.ref}`);
  });

  it("is not asked for where the path cannot be written", async () => {
    const work = await openWork();
    await work.mkdir("/d");
    let read = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      read = true;
      yield bytes;
    }
    await expect(work.writeFile("/d", watched())).rejects.toEqual(code("IS_A_DIRECTORY"));
    expect(read).toBe(false);
  });

  it("is reported while it is written, if that is asked for", async () => {
    const work = await openWork();
    const events: unknown[] = [];
    await work.writeFile("/f", new Blob([bytes]), { onProgress: (event) => events.push(event) });
    const step = { id: "writing /f", name: "writing /f" };
    const size = bytes.byteLength;
    expect(events).toEqual([
      { ...step, state: "started" },
      { ...step, state: "running", current: size, total: size },
      { ...step, state: "completed", current: size, total: size },
    ]);
  });

  it("stays where it is with sources by reference: read once for the digest, not copied", async () => {
    const inner = createMemoryContentStore();
    const content = withReferences(inner);
    const snapshots = createSnapshotter({ content, sources: "reference" });
    const work = await snapshots.prepare("work");
    let opened = 0;
    const source: ReopenableSource = {
      size: bytes.byteLength,
      open(range) {
        opened++;
        return bytesSource(bytes).open(range);
      },
    };
    await work.writeFile("/f", source);
    expect(opened).toBe(1);
    await expect(inner.info(digest)).rejects.toEqual(code("NOT_FOUND"));
    expect(await work.readFile("/f")).toEqual(bytes);
    expect(opened).toBe(2);
    await work.writeFile("/blob", new Blob(["blob"]));
    expect(await work.readTextFile("/blob")).toBe("blob");
    await work.writeFile("/text", "a string has to be copied");
    expect(await inner.info(digestOf(new TextEncoder().encode("a string has to be copied")))).toBeDefined();
    const lying: ReopenableSource = { size: 5, open: () => inTwo() };
    await expect(work.writeFile("/f", lying)).rejects.toEqual(code("SIZE_MISMATCH"));
  });
});
