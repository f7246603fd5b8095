import { chunksOf, toReadableStream } from "../../../src/bytes.ts";
import { gzip } from "../../../src/compress/index.ts";
import { createExporter, createSnapshotter, hostHasher, readBlob, writeBlob } from "../../../src/index.ts";
import { generatedBytes } from "../../digests/generated.ts";
import type { Host, HostStores } from "../../engines/hosts/host.ts";

/** How much is measured. */
export interface BenchArgument {
  /** Bytes of the input, the same for all. */
  readonly size: number;
  /** Times that each thing is done; the median counts. */
  readonly rounds: number;
}

/** Megabytes (10^6) of input per second, by what was done. */
export type Speeds = Readonly<Record<string, number>>;

type Job = () => Promise<void>;

const CHUNK = 64 * 1024;

/** Measures the library beside the engine's own functions, all on the same bytes, in turn. */
export async function measure(host: Host, { size, rounds }: BenchArgument): Promise<Speeds> {
  const bytes = generatedBytes(size, 7);
  const jobs: Record<string, Job> = {
    hash: async () => hash(bytes),
    // Absent outside of secure contexts.
    ...(globalThis.crypto?.subtle === undefined ? {} : { subtle: () => subtle(bytes) }),
    gzip: () => drain(gzip(chunks(bytes))),
    CompressionStream: () => compressByEngine(bytes),
  };
  for (const [name, open] of Object.entries(host.stores)) Object.assign(jobs, storeJobs(name, open, bytes));

  const seconds = new Map(Object.keys(jobs).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of Object.entries(jobs)) {
      const start = await host.now();
      await job();
      seconds.get(name)?.push(((await host.now()) - start) / 1000);
    }
  }
  return Object.fromEntries([...seconds].map(([name, all]) => [name, size / 1e6 / median(all)]));
}

/** Each works on stores of its own, which are open for the round only; reading goes on where writing ended. */
function storeJobs(
  name: string,
  open: () => Promise<HostStores>,
  bytes: Uint8Array<ArrayBuffer>,
): Readonly<Record<string, Job>> {
  let stores: HostStores | undefined;
  let written: Awaited<ReturnType<typeof writeBlob>> | undefined;
  return {
    [`write, ${name}`]: async () => {
      stores = await open();
      written = await writeBlob(stores.content, chunks(bytes));
    },
    [`read, ${name}`]: async () => {
      if (stores === undefined || written === undefined) throw new Error("nothing was written");
      await drain(readBlob(stores.content, written));
      await stores.close();
    },
    [`export, ${name}`]: async () => {
      const fresh = await open();
      await exportImage(fresh, bytes);
      await fresh.close();
    },
  };
}

/** A tree of files in memory, most of them small, becomes an image. */
async function exportImage(stores: HostStores, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const snapshots = createSnapshotter(stores);
  const work = await snapshots.prepare("work");
  const half = bytes.byteLength >> 1;
  await work.writeFile("/large", bytes.subarray(half));
  const piece = Math.ceil(half / 64);
  for (let i = 0; i < 64; i++) {
    await work.writeFile(`/small/${i % 8}/${i}`, bytes.subarray(i * piece, Math.min(half, (i + 1) * piece)));
  }
  const ref = await snapshots.commit("ref", "work");
  await createExporter({ ...stores, snapshots })
    .resolve({ name: "bench:1" })
    .export(ref);
}

function hash(bytes: Uint8Array): void {
  const hasher = hostHasher("sha256");
  for (const chunk of chunks(bytes)) hasher.update(chunk);
  hasher.digest();
}

async function subtle(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await crypto.subtle.digest("SHA-256", bytes);
}

async function compressByEngine(bytes: Uint8Array): Promise<void> {
  const stream = toReadableStream(chunks(bytes)) as ReadableStream<Uint8Array<ArrayBuffer>>;
  await drain(chunksOf(stream.pipeThrough(new CompressionStream("gzip"))));
}

async function drain(source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of source);
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
