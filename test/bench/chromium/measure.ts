import { chunksOf, toReadableStream } from "../../../src/bytes.ts";
import { type CompressPool, gzip } from "../../../src/compress/index.ts";
import { addTar, build, createMemoryContentStore } from "../../../src/index.ts";

/** Where the input is. */
export interface ChromiumArgument {
  /** URL of a tar. */
  readonly address: string;
}

/** One round: seconds, and bytes of output. */
export interface ChromiumRound {
  /** Our gzip in the thread of the page, the first time, */
  readonly first: number;
  /** and again, part by part in turn with the engine's own. */
  readonly gzip: number;
  readonly gzipSize: number;
  /** The engine's own `CompressionStream`. */
  readonly native: number;
  readonly nativeSize: number;
  /** A tar in memory to an image in memory, with workers. */
  readonly export: number;
}

const WORKERS = 2;
const CHUNK = 64 * 1024;
/** Both compressors are given parts of so many bytes in turn. */
const PART = 4 * 1024 * 1024;

/** Measures once. */
export async function measure(
  { address }: ChromiumArgument,
  openPool: (options: { readonly workers: number; readonly onWarning: (message: string) => void }) => CompressPool,
): Promise<ChromiumRound> {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  let warning: string | undefined;
  const pool = openPool({
    workers: WORKERS,
    onWarning: (message) => {
      warning = message;
    },
  });
  try {
    const first = await timed(() => sizeOf(gzip(chunks(bytes))));
    const native = await timed(() => compressByEngine(bytes));
    let [oursSeconds, nativeSeconds] = [0, 0];
    for (let at = 0; at < bytes.byteLength; at += PART) {
      const part = bytes.subarray(at, at + PART);
      oursSeconds += (await timed(() => sizeOf(gzip(chunks(part))))).seconds;
      nativeSeconds += (await timed(() => compressByEngine(part))).seconds;
    }
    const whole = await timed(() => exportTar(bytes, pool));
    if (warning !== undefined) throw new Error(warning);
    return {
      first: first.seconds,
      gzip: oursSeconds,
      gzipSize: first.size,
      native: nativeSeconds,
      nativeSize: native.size,
      export: whole.seconds,
    };
  } finally {
    await pool.close();
  }
}

async function exportTar(bytes: Uint8Array<ArrayBuffer>, compressPool: CompressPool): Promise<number> {
  const image = await build({
    content: createMemoryContentStore(),
    fill: (work, options) => addTar(work, chunks(bytes), options),
    compressPool,
  });
  return image.descriptor.size;
}

async function compressByEngine(bytes: Uint8Array): Promise<number> {
  const stream = toReadableStream(chunks(bytes)) as ReadableStream<Uint8Array<ArrayBuffer>>;
  return await sizeOf(chunksOf(stream.pipeThrough(new CompressionStream("gzip"))));
}

async function sizeOf(source: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of source) size += chunk.byteLength;
  return size;
}

async function timed(work: () => Promise<number>): Promise<{ readonly seconds: number; readonly size: number }> {
  const start = performance.now();
  const size = await work();
  return { seconds: (performance.now() - start) / 1000, size };
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}
