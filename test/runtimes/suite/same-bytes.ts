import { chunksOf, concatBytes, readAll, toReadableStream } from "../../../src/bytes.ts";
import { gunzip, gzip } from "../../../src/compress/index.ts";
import { assert, assertEqual, assertRejects, type ConformanceCase } from "../../../src/conformance.ts";
import { createMemoryContentStore, readBlob } from "../../../src/content/index.ts";
import { applyLayer, createDiffer } from "../../../src/diff/index.ts";
import { createExporter } from "../../../src/exporter/index.ts";
import { pureHasher } from "../../../src/hash/index.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../../src/snapshots/index.ts";
import { exportFixture, type Facts, type FixtureExportOptions, type FixtureStores } from "../../digests/export.ts";
import { makeFixture } from "../../digests/fixture.ts";
import { generatedBytes } from "../../digests/generated.ts";
import { COMPRESSIONS, SMALL } from "../../digests/golden.ts";
import { memoryStores } from "../../engines/hosts/host.ts";
import golden from "../../golden/digests.json" with { type: "json" };

/** The same files give the same bytes in whatever way they come and whatever happens meanwhile: those on record. */
export const sameBytes: readonly ConformanceCase[] = [
  ...Object.entries(COMPRESSIONS).map(([name, options]) => ({
    name: `are those on record, ${name}`,
    run: async () => expectRecorded(name, await factsOf(await memoryStores(), options)),
  })),
  ...[1, 7, 65_536, Number.POSITIVE_INFINITY].map((chunk) => ({
    name: `do not depend on how files come, in chunks of ${chunk} bytes`,
    run: async () => expectRecorded("gzip 6", await factsOf(await memoryStores(), { chunk })),
  })),
  {
    name: "need no WebAssembly",
    run: () =>
      withoutWebAssembly(async () => {
        expectRecorded("gzip 6", await factsOf(await memoryStores()));
      }),
  },
  {
    name: "do not depend on the hash engine",
    async run() {
      const stores = { ...(await memoryStores()), content: createMemoryContentStore({ hasher: pureHasher }) };
      expectRecorded("gzip 6", await factsOf(stores));
    },
  },
  {
    name: "are the same when the layers are there already, or only their blobs",
    async run() {
      const stores = await memoryStores();
      await factsOf(stores);
      const again = await exportFixture(stores, { ...SMALL, prefix: "again" });
      expectRecorded("gzip 6", again.facts);
      assert(!again.cached.includes(false), `layers were made again: ${again.cached.join(", ")}`);
      const forgotten = { ...stores, metadata: createMemoryMetadataStore() };
      expectRecorded("gzip 6", await factsOf(forgotten));
    },
  },
  ...[1, 15, 30, 50].map((events) => ({
    name: `are the same after an export that was cancelled at its ${events}. event`,
    async run() {
      const stores = await memoryStores();
      const controller = new AbortController();
      const reason = new Error("enough");
      let seen = 0;
      const onProgress = (): void => {
        if (++seen === events) controller.abort(reason);
      };
      const outcome = await factsOf(stores, { prefix: "cancelled", signal: controller.signal, onProgress }).catch(
        (error: unknown) => error,
      );
      assertEqual(outcome, reason, `an export that was cancelled after ${seen} events`);
      expectRecorded("gzip 6", await factsOf(stores));
    },
  })),
  {
    name: "are the same for exports at the same time",
    async run() {
      const stores = await memoryStores();
      const both = await Promise.all([
        factsOf(stores, { prefix: "one" }),
        factsOf(stores, { prefix: "other", chunk: 10_000 }),
      ]);
      for (const facts of both) expectRecorded("gzip 6", facts);
    },
  },
  { name: "read back are the tree that they were made of", run: readBack },
  { name: "are what the engine's own decompression reads", run: decompressByEngine },
  { name: "never hold half a surrogate pair", run: refuseLoneSurrogates },
];

async function factsOf(stores: FixtureStores, options: Partial<FixtureExportOptions> = {}): Promise<Facts> {
  return (await exportFixture(stores, { ...SMALL, ...options })).facts;
}

function expectRecorded(name: string, facts: Facts): void {
  const expected = (golden as Readonly<Record<string, Facts>>)[`small, ${name}`] ?? {};
  for (const key of new Set([...Object.keys(expected), ...Object.keys(facts)])) {
    assertEqual(facts[key], expected[key], key);
  }
}

async function withoutWebAssembly(work: () => Promise<void>): Promise<void> {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly");
  assert(Reflect.deleteProperty(globalThis, "WebAssembly"), "WebAssembly cannot be deleted");
  try {
    assert(!("WebAssembly" in globalThis), "WebAssembly is still there");
    await work();
  } finally {
    if (descriptor !== undefined) Object.defineProperty(globalThis, "WebAssembly", descriptor);
  }
}

/** What a layer says is decoded by the engine, names above all: nothing of it may be lost. */
async function readBack(): Promise<void> {
  const { content, metadata } = await memoryStores();
  const snapshots = createSnapshotter({ content, metadata });
  const { chain } = await makeFixture(snapshots, SMALL);
  const work = await snapshots.prepare("without socket", chain[2].key);
  // A layer has no sockets.
  await work.remove("/special/socket");
  const tree = await work.tree();
  const layer = await createDiffer({ content }).compare(undefined, tree);
  const copy = await snapshots.prepare("copy");
  await applyLayer(copy, readBlob(content, layer.descriptor));
  assertEqual((await copy.readdir("/names")).join("\n"), (await work.readdir("/names")).join("\n"), "names");
  assertEqual((await copy.tree()).root.digest, tree.root.digest, "tree");
}

async function decompressByEngine(): Promise<void> {
  const bytes = generatedBytes(300_000, 3);
  const zipped = await readAll(gzip(bytes), bytes.byteLength);
  const stream = toReadableStream(zipped) as ReadableStream<Uint8Array<ArrayBuffer>>;
  const own: Uint8Array[] = [];
  for await (const chunk of chunksOf(stream.pipeThrough(new DecompressionStream("gzip")))) own.push(chunk);
  assertEqual(concatBytes(own), bytes, "decompressed by the engine");
  // And the other way round: what an engine compresses is read, however it does that.
  const theirs = (toReadableStream(bytes) as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(
    new CompressionStream("gzip"),
  );
  assertEqual(await readAll(gunzip(theirs), bytes.byteLength), bytes, "compressed by the engine");
}

/** Engines turn one into U+FFFD when they encode it, silently: two names would become one. */
async function refuseLoneSurrogates(): Promise<void> {
  const { content, metadata } = await memoryStores();
  const snapshots = createSnapshotter({ content, metadata });
  const work = await snapshots.prepare("work");
  await assertRejects(work.writeFile("/\ud800", ""), "INVALID_PATH", "a name");
  await assertRejects(work.symlink("\ud83d", "/link"), "INVALID_PATH", "a symlink's target");
  const ref = await snapshots.commit("ref", "work");
  const exporter = createExporter({ content, snapshots }).resolve();
  await assertRejects(
    exporter.export(ref, { config: { env: { A: "\udc33" } } }),
    "INVALID_DOCUMENT",
    "a variable of the config",
  );
  ref.release();
}
