// node script.mjs HOST REPOSITORY METADATA SIZE CHUNK STOP: pushes SIZE bytes in chunks; the source stops for ever at byte STOP.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteRange } from "../../../src/bytes.ts";
import { createRegistry } from "../../../src/registry/create-registry.ts";
import type { MetadataStore } from "../../../src/snapshots/index.ts";
import { patternBytes, patternDigest } from "./pattern.ts";

const [host = "", repository = "", directory = "", size = "0", chunk = "0", stop = "-1"] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });

/** Each record is a file. One process at a time writes. */
const path = (key: string): string => join(directory, encodeURIComponent(key));
const read = (key: string): Uint8Array | undefined => {
  try {
    return readFileSync(path(key));
  } catch {
    return undefined;
  }
};
const metadata: MetadataStore = {
  get: async (key) => read(key),
  set: async (key, value) => writeFileSync(path(key), value),
  delete: async (key) => rmSync(path(key), { force: true }),
  async compareAndSet(key, expected, value) {
    const there = read(key);
    if (Buffer.compare(there ?? Buffer.alloc(0), expected ?? Buffer.alloc(0)) !== 0) return false;
    if (value === undefined) rmSync(path(key), { force: true });
    else writeFileSync(path(key), value);
    return true;
  },
  keys: async (prefix) =>
    readdirSync(directory)
      .map(decodeURIComponent)
      .filter((key) => key.startsWith(prefix))
      .sort(),
};

const total = Number(size);
const registry = createRegistry({ metadata, ...(Number(chunk) > 0 && { chunkSize: Number(chunk) }) });
const outcome = await registry.repository(`${host}/${repository}`).pushBlob({
  digest: patternDigest(total),
  size: total,
  body: {
    size: total,
    async *open({ offset = 0 }: ByteRange = {}) {
      for await (const piece of patternBytes(offset, total)) {
        if (Number(stop) >= 0 && offset + piece.byteLength > Number(stop)) {
          if (Number(stop) > offset) yield piece.subarray(0, Number(stop) - offset);
          console.log("stopped");
          setInterval(() => undefined, 1000);
          await new Promise(() => undefined);
        }
        yield piece;
        offset += piece.byteLength;
      }
    },
  },
});
console.log(outcome);
