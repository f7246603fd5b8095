import { type CompressPool, inThreadPool } from "../../../src/compress/index.ts";
import { assert, assertEqual, type ConformanceCase } from "../../../src/conformance.ts";
import type { ContentStore } from "../../../src/content/index.ts";
import { createExporter } from "../../../src/exporter/index.ts";
import { createSnapshotter, type MetadataStore } from "../../../src/snapshots/index.ts";
import { generatedBytes } from "../../digests/generated.ts";
import { memoryStores } from "../../engines/hosts/host.ts";

interface Stores {
  readonly content: ContentStore;
  readonly metadata: MetadataStore;
}

/** What was compressed before is found in these stores, as it was. */
export function blockCacheCases(open: () => Promise<Stores>): readonly ConformanceCase[] {
  return [
    {
      name: "has a layer with one changed file compressed anew only around it",
      async run() {
        const stores = await open();
        const first = await exportEdited(stores, 1);
        const again = await exportEdited(stores, 2);
        assert(first.deflated >= 3, `there were only ${first.deflated} blocks`);
        assert(again.deflated < first.deflated, `${again.deflated} blocks were compressed again`);
        const plain = await exportEdited(await memoryStores(), 2, false);
        assertEqual(again.digest, plain.digest, "the image with blocks from the store");
      },
    },
  ];
}

/** Forty files of which one has other contents in each edition, by a new exporter. */
async function exportEdited(
  stores: Stores,
  edition: number,
  blockCache?: false,
): Promise<{ readonly digest: string; readonly deflated: number }> {
  const snapshots = createSnapshotter({ content: stores.content });
  const work = await snapshots.prepare(`edition ${edition}`);
  for (let i = 0; i < 40; i++) {
    await work.writeFile(`/files/${i}`, generatedBytes(70_000, i === 20 ? 1000 + edition : i));
  }
  const ref = await snapshots.commit(`edited ${edition}`, `edition ${edition}`);
  let deflated = 0;
  const compressPool: CompressPool = {
    ...inThreadPool,
    deflate(block, options) {
      deflated++;
      return inThreadPool.deflate(block, options);
    },
  };
  const exporter = createExporter({ ...stores, snapshots, compressPool, blockCache });
  const { digest } = await exporter.resolve({ compressionLevel: 1 }).export(ref);
  ref.release();
  return { digest, deflated };
}
