import type { FlightControl, MadeLayer } from "../../../src/exporter/index.ts";
import type { ImageStore } from "../../../src/images/store.ts";
import type { ContentStore } from "../../../src/index.ts";
import { createMemoryContentStore, createMemoryImageStore, createMemoryMetadataStore } from "../../../src/index.ts";
import type { MetadataStore } from "../../../src/snapshots/metadata.ts";

/** A set of stores for images. */
export interface HostStores {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly metadata: MetadataStore;
  readonly flights?: FlightControl<MadeLayer> | undefined;
  /** Throws it all away. */
  close(): Promise<void>;
}

/** What programs need of the kind of host that they run in. */
export interface Host {
  /** Milliseconds, as far as the engine tells them: within one or two. */
  now(): Promise<number>;
  /** Opens fresh stores, by what they are called: those that every engine has, and the host's own. */
  readonly stores: Readonly<Record<string, () => Promise<HostStores>>>;
}

/** Stores that every engine has. */
export const memoryStores = async (): Promise<HostStores> => ({
  content: createMemoryContentStore(),
  images: createMemoryImageStore(),
  metadata: createMemoryMetadataStore(),
  close: async () => undefined,
});
