import type { ContentStore, GarbageRoot, LeaseManager } from "../../src/content/index.ts";
import type { FlightControl } from "../../src/exporter/index.ts";
import type { MadeLayer } from "../../src/exporter/layer-making.ts";
import type { ImageStore } from "../../src/images/index.ts";
import type { MetadataStore } from "../../src/snapshots/index.ts";

/** What one process, tab or request has of the stores. */
export interface ActorStores {
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly metadata: MetadataStore;
  readonly leases: LeaseManager;
  readonly flights?: FlightControl<MadeLayer> | undefined;
  /** Targets of all images. */
  roots(): Promise<readonly GarbageRoot[]>;
  /** Ends the use of them, as a process does before it exits. */
  close(): Promise<void>;
}

/** Stores that are shared by actors, fresh for each schedule. */
export interface World {
  /** Where it lies, if it is a directory. */
  readonly path?: string | undefined;
  /** The stores once more, as another process has them. */
  open(): Promise<ActorStores>;
  /** What there is besides blobs, names and metadata, after all have closed: locks, notes, parts that belong to nothing. */
  leftovers(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A kind of store. */
export interface Engine {
  readonly name: string;
  create(): Promise<World>;
  /** Whether the host is at work for it. */
  readonly isBusy?: (() => boolean) | undefined;
}
