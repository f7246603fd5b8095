import { underLease } from "../content/leased-store.ts";
import type { ContentStore } from "../content/store.ts";
import { createDiffer } from "../diff/index.ts";
import { createMemoryMetadataStore } from "../snapshots/memory.ts";
import { writeAhead } from "./ahead/write-ahead.ts";
import { createBlobRecords } from "./blob-records.ts";
import { createBlockCache } from "./block-cache.ts";
import { type Exporting, exportImage } from "./export.ts";
import type { Exporter, ExporterStores } from "./exporter.ts";
import { createFlightControl } from "./flight-control.ts";
import type { MadeLayer } from "./layer-making.ts";
import { resolveOptions } from "./options.ts";

/**
 * The image exporter: snapshots in, an image in the content store out.
 *
 * @example
 * const exporter = createExporter({ content, snapshots, images });
 * const image = await exporter.resolve({ name: "example.org/app:1" }).export(ref, { config: { entrypoint: ["/app"] } });
 */
export function createExporter(stores: ExporterStores): Exporter {
  const { content, snapshots, images, pusher, hasher, compressPool, leases } = stores;
  const metadata = stores.metadata ?? createMemoryMetadataStore();
  const wantsBlocks = stores.metadata !== undefined;
  const ahead: Exporting["ahead"] = new Map();
  const flights = stores.flights ?? createFlightControl<MadeLayer>();
  const exportingTo = (content: ContentStore): Exporting => ({
    content,
    snapshots,
    images,
    pusher,
    hasher,
    compressPool,
    blockCache: (stores.blockCache ?? (wantsBlocks && createBlockCache({ content, metadata }))) || undefined,
    differ: stores.differ ?? createDiffer({ content, hasher, compressPool }),
    records: createBlobRecords(metadata, content),
    ahead,
    flights,
  });
  const exporting = exportingTo(content);
  return {
    resolve(options) {
      const resolved = resolveOptions(options, { images: images !== undefined, pusher: pusher !== undefined });
      return {
        name: "exporting to image",
        export: (source, given = {}) =>
          leases === undefined
            ? exportImage(exporting, source, resolved, given)
            : underLease(leases, content, (leased) => exportImage(exportingTo(leased), source, resolved, given)),
        writeAhead: (work, given = {}) => writeAhead(exporting, work, resolved, given),
      };
    },
  };
}
