import { gzip } from "../../../src/compress/index.ts";
import { block, end } from "../../tar/support/raw.ts";
import { noise } from "./data.ts";

const MIB = 1024 * 1024;

/** A tar of a large file that is never in memory as a whole: noise and zeros in turn, all of it different from what came before. */
async function* largeLayer(size: number): AsyncGenerator<Uint8Array> {
  yield block({ name: "large", size });
  const bytes = noise(2 * MIB);
  for (let at = 0; at < size; at += MIB) {
    const from = (at / MIB) * 4099;
    yield at % (4 * MIB) === 0 ? new Uint8Array(MIB) : bytes.slice(from % MIB, (from % MIB) + MIB);
  }
  yield end;
}

// Compresses a layer of as many MiB as the argument says, and tells what was in memory at most, above what was at the beginning.
const before = process.memoryUsage();
let arrayBuffers = 0;
let heap = 0;
let size = 0;
for await (const chunk of gzip(largeLayer(Number(process.argv[2]) * MIB), { level: 1 })) {
  size += chunk.byteLength;
  const now = process.memoryUsage();
  arrayBuffers = Math.max(arrayBuffers, now.arrayBuffers - before.arrayBuffers);
  heap = Math.max(heap, now.heapUsed - before.heapUsed);
}
process.stdout.write(JSON.stringify({ size, arrayBuffers, heap }));
