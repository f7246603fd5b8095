import {
  type ContentStore,
  createMemoryContentStore,
  createMemoryImageStore,
  createMemoryMetadataStore,
  type ImageStore,
  type LeaseManager,
  type MetadataStore,
} from "slipway";
import { createLeaseManager } from "slipway/content";

/** Where everything is kept. */
export interface Stores {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly metadata: MetadataStore;
  readonly leases: LeaseManager;
}

export async function openStores(): Promise<Stores> {
  const metadata = createMemoryMetadataStore();
  return {
    content: createMemoryContentStore(),
    images: createMemoryImageStore(),
    metadata,
    leases: createLeaseManager(metadata),
  };
}
