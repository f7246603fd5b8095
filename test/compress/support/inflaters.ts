import { inflateRawSync } from "node:zlib";
import { inflateSync } from "fflate";
import { concatBytes, readAll, toReadableStream } from "../../../src/bytes.ts";
import { Inflater } from "../../../src/compress/inflate.ts";

/** The empty final block that ends a stream of blocks that are not final. */
export const END_OF_BLOCKS: Uint8Array<ArrayBuffer> = Uint8Array.of(3, 0);

/** Who reads deflate data, by name. Each fails if there is anything wrong or missing. */
export const inflaters: Readonly<Record<string, (stream: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>>> = {
  zlib: async (stream) => inflateRawSync(stream),
  fflate: async (stream) => inflateSync(stream),
  async DecompressionStream(stream) {
    const source = toReadableStream(stream) as ReadableStream<Uint8Array<ArrayBuffer>>;
    return await readAll(source.pipeThrough(new DecompressionStream("deflate-raw")), 2 ** 30);
  },
  async Inflater(stream) {
    const inflater = new Inflater();
    const chunks = [...inflater.push(stream)];
    if (!inflater.done || inflater.rest.byteLength > 0) throw new Error("the stream does not end where its data does");
    return concatBytes(chunks);
  },
};
