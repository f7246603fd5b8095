// Counts what an export reads and compresses, by a content store and a differ that keep count.
import { createExporter } from "slipway";
import { createMemoryContentStore } from "slipway/content";
import { createDiffer } from "slipway/diff";
import { createMemoryMetadataStore, createSnapshotter } from "slipway/snapshots";
import { heading, table } from "./report.js";

export async function benchChain() {
  heading("A second export of a chain in which only the top ref is new");
  table(
    ["export", "files read", "bytes read", "layers compressed"],
    (await countChainExports()).map(({ name, ...counts }) => [name, ...Object.values(counts).map(String)]),
  );
}

/** @returns {Promise<{ name: string, filesRead: number, bytesRead: number, layersCompressed: number }[]>} */
async function countChainExports() {
  const store = createMemoryContentStore();
  const metadata = createMemoryMetadataStore();
  const snapshots = createSnapshotter({ content: store, metadata });
  const counts = { filesRead: 0, bytesRead: 0, layersCompressed: 0 };
  /** @type {import("slipway/content").ContentStore["open"]} */
  const open = async function* (digest, range) {
    counts.filesRead++;
    for await (const chunk of store.open(digest, range)) {
      counts.bytesRead += chunk.byteLength;
      yield chunk;
    }
  };
  const content = new Proxy(store, {
    get(target, key) {
      if (key === "open") return open;
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const differ = createDiffer({ content });
  const exporter = createExporter({
    content,
    snapshots,
    metadata,
    differ: {
      compare: (lower, upper, options) => {
        counts.layersCompressed++;
        return differ.compare(lower, upper, options);
      },
    },
  });

  /** @type {string | undefined} */
  let parent;
  /** @type {import("slipway/snapshots").Ref[]} */
  const refs = [];
  for (let layer = 0; layer < 4; layer++) {
    const work = await snapshots.prepare(`work ${layer}`, parent);
    for (let i = 0; i < 200; i++) await work.writeFile(`/layer${layer}/file${i}`, `${layer} ${i}\n`.repeat(500));
    parent = `ref ${layer}`;
    refs.push(await snapshots.commit(parent, `work ${layer}`));
  }
  const rows = [];
  for (const [name, ref] of /** @type {const} */ ([
    ["first export, three refs", refs[2]],
    ["the same again", refs[2]],
    ["with a fourth ref on top", refs[3]],
  ])) {
    Object.assign(counts, { filesRead: 0, bytesRead: 0, layersCompressed: 0 });
    await exporter.resolve().export(ref);
    rows.push({ name, ...counts });
  }
  for (const ref of refs) ref.release();
  return rows;
}
