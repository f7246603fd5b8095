/** A process that works on a layout directory: the tests run several, and kill some. Reports each thing done on a line. */
import { writeSync } from "node:fs";
import { sampleBytes } from "../../src/content/conformance/support.ts";
import { writeBlob } from "../../src/content/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import type { Image } from "../../src/images/store.ts";
import { type DirectoryStore, openDirectoryStore } from "../../src/node/directory-store.ts";

const [, , command, directory = "", argument = "0"] = process.argv;
const seed = Number(argument);

// Not through the stream, which would still hold lines when the process is killed.
const report = (line: string): void => void writeSync(1, `${line}\n`);

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isSlipwayError(error, "UNAVAILABLE")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

const imageOf = (name: string, target: Image["target"]): Image => ({ name, target });

async function nameIt(store: DirectoryStore, image: Image): Promise<void> {
  await store.images.update(image).catch(async (error: unknown) => {
    if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    await store.images.create(image);
  });
}

/** Ingests, commits, labels, names and records without an end. */
async function workForever(store: DirectoryStore): Promise<void> {
  for (let round = 0; ; round++) {
    const bytes = sampleBytes(seed * 1000 + round, 20_000 + ((round * 7919) % 200_000));
    const pieces = (function* () {
      for (let at = 0; at < bytes.byteLength; at += 10_000) yield bytes.subarray(at, at + 10_000);
    })();
    const info = await writeBlob(store.content, pieces, { ref: `ref-${round % 3}`, labels: { round: String(round) } });
    report(`blob ${info.digest}`);
    const target = { mediaType: "application/octet-stream", digest: info.digest, size: info.size };
    await nameIt(store, imageOf(`example.com/test:${round % 4}`, target));
    report(`name example.com/test:${round % 4} ${info.digest}`);
    await store.metadata.set(`records/${round % 5}`, new TextEncoder().encode(JSON.stringify(target)));
    report(`record records/${round % 5}`);
  }
}

/** Writes the same blobs as every other process does, adds to one counter, and creates names of its own and shared ones. */
async function workWithOthers(store: DirectoryStore): Promise<void> {
  for (let round = 0; round < 12; round++) {
    const bytes = sampleBytes(round, 50_000 + round);
    await retried(() =>
      writeBlob(store.content, [bytes.subarray(0, 100), bytes.subarray(100)], { ref: `shared-${round}` }),
    );
    const info = await writeBlob(store.content, bytes);
    const target = { mediaType: "application/octet-stream", digest: info.digest, size: info.size };
    await store.images.create(imageOf(`example.com/own-${seed}:${round}`, target));
    try {
      await store.images.create(imageOf(`example.com/shared:${round}`, target));
      report(`won ${round}`);
    } catch (error) {
      if (!isSlipwayError(error, "ALREADY_EXISTS")) throw error;
    }
    for (let added = false; !added; ) {
      const before = await store.metadata.get("counter");
      const count = before === undefined ? 0 : Number(new TextDecoder().decode(before));
      added = await store.metadata.compareAndSet("counter", before, new TextEncoder().encode(String(count + 1)));
    }
  }
}

/** Holds a writer with some bytes in it until it is killed. */
async function holdForever(store: DirectoryStore): Promise<void> {
  const writer = await store.content.writer({ ref: "held" });
  await writer.write(sampleBytes(1, 1000));
  report("held");
  setInterval(() => undefined, 1000);
}

const store = await openDirectoryStore(directory);
report("open");
if (command === "forever") await workForever(store);
else if (command === "hold") await holdForever(store);
else {
  await workWithOthers(store);
  await store.close();
}
