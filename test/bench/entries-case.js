// node --expose-gc test/bench/entries-case.js CASE ENTRIES: what one case of entries.js takes, as JSON on stdout. See there.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyLayer } from "../../dist/diff/index.js";
import { hostHasher } from "../../dist/hash/index.js";
import {
  addTar,
  build,
  createMemoryContentStore,
  createSnapshotter,
  withPacks,
  withReferences,
} from "../../dist/index.js";
import { addDirectory, openDirectoryStore } from "../../dist/node/index.js";
import { writeTar } from "../../dist/tar/index.js";
import { fileBytes, fileNames } from "./entries-names.js";

const [, , name = "", given = ""] = process.argv;
const entries = Number(given);
const work = mkdtempSync(join(tmpdir(), "slipway-bench-"));
const { gc } = globalThis;

/** Bytes in use just now. Garbage is none of it where it can be collected. */
function used() {
  gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

let peak = 0;
let calls = 0;
const sample = () => {
  peak = Math.max(peak, used());
};

/** The host's hasher. It is asked for each directory and each file, and so is a place to look at the memory even where nothing waits. */
const hasher = Object.assign(
  (/** @type {"sha256" | "sha512"} */ algorithm) => {
    if (gc !== undefined && ++calls % Math.ceil(entries / 8) === 0) sample();
    return hostHasher(algorithm);
  },
  { load: hostHasher.load },
);

/** @param {number} count */
async function* inputs(count) {
  let last = "";
  for (const path of fileNames(count)) {
    const directory = path.slice(0, path.lastIndexOf("/"));
    if (directory !== last) yield { header: headerOf(`${directory}/`, "directory", 0) };
    last = directory;
    const content = fileBytes(path);
    yield { header: headerOf(path, "file", content.byteLength), content };
  }
}

/** @param {string} path @param {"directory" | "file"} type @param {number} size */
function headerOf(path, type, size) {
  return { name: path, type, mode: type === "file" ? 0o644 : 0o755, uid: 0, gid: 0, size, mtime: 1_700_000_000 };
}

const tar = (/** @type {number} */ count) => writeTar(inputs(count));

/** @param {number} count */
function filesOf(count) {
  /** @type {Record<string, Uint8Array>} */
  const files = {};
  for (const path of fileNames(count)) files[path] = fileBytes(path);
  return files;
}

/** @param {number} count */
function directoryOf(count) {
  const directory = join(work, `tree-${count}`);
  let last = "";
  for (const path of fileNames(count)) {
    const file = join(directory, path);
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== last) mkdirSync(join(directory, parent), { recursive: true });
    last = parent;
    writeFileSync(file, fileBytes(path));
  }
  return directory;
}

/** @type {Readonly<Record<string, (count: number) => (() => Promise<unknown>) | Promise<() => Promise<unknown>>>>} */
const CASES = {
  "memory, tar": (count) => () => {
    const content = createMemoryContentStore({ hasher });
    return build({ content, fill: (work) => addTar(work, tar(count)) });
  },
  "memory, files": (count) => {
    const files = filesOf(count);
    return () => build({ content: createMemoryContentStore({ hasher }), files });
  },
  "memory, directory": (count) => {
    const directory = directoryOf(count);
    return () => {
      const content = createMemoryContentStore({ hasher });
      return build({ content, fill: (work) => addDirectory(work, directory, { xattrs: false }) });
    };
  },
  "directory store, tar": async (count) => async () => {
    const store = await openDirectoryStore(join(work, `store-${count}`), { durable: false, hasher });
    await build({
      ...store,
      hasher,
      snapshots: createSnapshotter({ ...store, hasher }),
      fill: (work) => addTar(work, tar(count)),
    });
    await store.close();
  },
  "directory store, packed tar": async (count) => async () => {
    const store = await openDirectoryStore(join(work, `packed-${count}`), { durable: false, hasher });
    const packs = withPacks(store.content);
    const snapshots = createSnapshotter({ content: packs, metadata: store.metadata, hasher });
    await build({ ...store, content: packs.unpacked, hasher, snapshots, fill: (work) => addTar(work, tar(count)) });
    await packs.discard();
    await store.close();
  },
  "directory store, directory by reference": async (count) => {
    const directory = directoryOf(count);
    return async () => {
      const store = await openDirectoryStore(join(work, `store-${count}`), { durable: false, hasher });
      const content = withReferences(store.content, { hasher });
      const snapshots = createSnapshotter({ content, metadata: store.metadata, sources: "reference", hasher });
      await build({
        ...store,
        content,
        hasher,
        snapshots,
        fill: (work) => addDirectory(work, directory, { xattrs: false }),
      });
      await store.close();
    };
  },
  "directory store, tree read again": async (count) => {
    const directory = join(work, `again-${count}`);
    const store = await openDirectoryStore(directory, { durable: false });
    const packs = withPacks(store.content);
    const filling = createSnapshotter({ content: packs, metadata: store.metadata });
    const written = await filling.prepare("work");
    await addTar(written, tar(count));
    await filling.commit("done", "work");
    await packs.discard();
    return async () => {
      const ref = await createSnapshotter({ ...store, hasher }).get("done");
      const tree = await ref.tree();
      if (gc !== undefined) sample();
      return tree;
    };
  },
  "base layer": (count) => async () => {
    const content = createMemoryContentStore({ hasher });
    const snapshots = createSnapshotter({ content, hasher });
    const base = await snapshots.prepare("base");
    await applyLayer(base, tar(count), { contents: "skip", hasher });
    await snapshots.commit("done", "base");
  },
};

/** Bytes of files, which a memory store has to hold. @param {number} count */
function contentOf(count) {
  let bytes = 0;
  for (const path of fileNames(count)) bytes += fileBytes(path).byteLength;
  return bytes;
}

/** Bytes of the layer, which a memory store has to hold, too. @param {any} image */
const layerOf = (image) => image.manifests[0]?.layers[0]?.descriptor.size ?? 0;

/** The peak of the resident set since it was last reset. */
const residentPeak = () => 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

try {
  const prepare = CASES[name];
  if (prepare === undefined) throw new Error(`no case ${name}: ${Object.keys(CASES).join("; ")}`);
  // Everything that is needed has been loaded when the process is measured.
  await (await prepare(2000))();
  const run = await prepare(entries);
  const before = used();
  if (gc === undefined) writeFileSync("/proc/self/clear_refs", "5");
  const resident = process.memoryUsage().rss;
  const timer = gc === undefined ? undefined : setInterval(sample, 1000);
  const started = performance.now();
  const made = await run();
  const seconds = (performance.now() - started) / 1000;
  if (timer !== undefined) {
    clearInterval(timer);
    sample();
  }
  const held = name.startsWith("memory") ? contentOf(entries) + layerOf(made) : 0;
  const above = gc === undefined ? residentPeak() - resident : peak - before;
  console.log(JSON.stringify({ bytes: above, held, seconds }));
} finally {
  rmSync(work, { recursive: true, force: true });
}
