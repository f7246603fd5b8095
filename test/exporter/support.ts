import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import type { ContentStore } from "../../src/content/store.ts";
import type { Differ } from "../../src/diff/differ.ts";
import { createDiffer } from "../../src/diff/index.ts";
import { createExporter } from "../../src/exporter/create-exporter.ts";
import type { ExportedManifest, Exporter, ExporterStores } from "../../src/exporter/exporter.ts";
import { createMemoryImageStore } from "../../src/images/index.ts";
import type { ImageStore } from "../../src/images/store.ts";
import { type ImageConfig, parseImageConfig } from "../../src/oci/config.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { type Manifest, parseManifest } from "../../src/oci/manifest.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";
import type { MetadataStore } from "../../src/snapshots/metadata.ts";
import type { Ref, Snapshotter, WritableSnapshot } from "../../src/snapshots/snapshotter.ts";

/** A content store that notes which blobs are opened. */
export type WatchedStore = ContentStore & { readonly opened: string[] };

export function watched(store: ContentStore): WatchedStore {
  const opened: string[] = [];
  return new Proxy(Object.assign(Object.create(null), { opened }), {
    get(target: { opened: string[] }, key) {
      if (key === "opened") return target.opened;
      const value: unknown = Reflect.get(store, key);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (key === "open" || key === "readWhole") opened.push(String(args[0]));
        return value.apply(store, args);
      };
    },
  });
}

/** A differ that counts its comparisons, and that the test may hold up or make fail. */
export type WatchedDiffer = Differ & { count: number; before: (signal: AbortSignal | undefined) => Promise<void> };

export function watchedDiffer(content: ContentStore): WatchedDiffer {
  const differ = createDiffer({ content });
  const self: WatchedDiffer = {
    count: 0,
    before: async () => undefined,
    async compare(lower, upper, options) {
      self.count++;
      await self.before(options?.signal);
      return await differ.compare(lower, upper, options);
    },
  };
  return self;
}

/** Stores, a snapshotter and an exporter in memory. */
export interface House {
  readonly content: WatchedStore;
  readonly metadata: MetadataStore;
  readonly images: ImageStore;
  readonly snapshots: Snapshotter;
  readonly differ: WatchedDiffer;
  readonly exporter: Exporter;
  /** Commits a snapshot of that name, made on `parent` by `edit`. */
  commit(name: string, parent: string | undefined, edit: (work: WritableSnapshot) => Promise<void>): Promise<Ref>;
}

export function openHouse(overrides: Partial<ExporterStores> = {}): House {
  const content = watched(createMemoryContentStore());
  const metadata = createMemoryMetadataStore();
  const images = createMemoryImageStore();
  const snapshots = createSnapshotter({ content, metadata });
  const differ = watchedDiffer(content);
  const exporter = createExporter({ content, metadata, images, snapshots, differ, ...overrides });
  return {
    content,
    metadata,
    images,
    snapshots,
    differ,
    exporter,
    async commit(name, parent, edit) {
      const work = await snapshots.prepare(`work-${name}`, parent);
      await edit(work);
      return await snapshots.commit(name, `work-${name}`);
    },
  };
}

/** Three refs on top of each other: additions, changes, removals, a directory replaced by a file and the reverse. */
export async function threeRefs(house: House): Promise<readonly [Ref, Ref, Ref]> {
  const base = await house.commit("base", undefined, async (work) => {
    await work.writeFile("/etc/os-release", "NAME=test\n");
    await work.writeFile("/bin/tool", "#!/bin/sh\n".repeat(500), { mode: 0o755 });
    await work.writeFile("/dir/inner", "a");
    await work.writeFile("/file", "b");
    await work.symlink("tool", "/bin/alias");
    await work.link("/bin/tool", "/bin/hard");
  });
  const middle = await house.commit("middle", "base", async (work) => {
    await work.remove("/dir", { recursive: true });
    await work.writeFile("/dir", "now a file");
    await work.remove("/file");
    await work.writeFile("/file/inner", "now a directory");
    await work.writeFile("/etc/os-release", "NAME=changed\n");
  });
  const top = await house.commit("top", "middle", async (work) => {
    await work.remove("/bin/alias");
    await work.writeFile("/app/main.js", "console.log(1)\n");
    await work.chmod("/bin/tool", 0o700);
  });
  return [base, middle, top];
}

/** The documents of one manifest of an exported image, verified while they are read. */
export async function documentsOf(
  content: ContentStore,
  { descriptor, config }: Pick<ExportedManifest, "descriptor" | "config">,
): Promise<{ readonly manifest: Manifest; readonly config: ImageConfig }> {
  return {
    manifest: parseManifest(await readBlobBytes(content, descriptor), "manifest", descriptor.mediaType),
    config: parseImageConfig(await readBlobBytes(content, config)),
  };
}

export async function textOf(content: ContentStore, descriptor: Descriptor): Promise<string> {
  return new TextDecoder().decode(await readBlobBytes(content, descriptor));
}

/** Collects progress, and checks that every step is started once and ends once. */
export function progressLog(): {
  readonly events: ProgressEvent[];
  readonly onProgress: (event: ProgressEvent) => void;
  /** Names of steps as they were when they ended, with how they ended. */
  ended(): readonly string[];
  find(name: RegExp, state?: ProgressEvent["state"]): ProgressEvent | undefined;
} {
  const events: ProgressEvent[] = [];
  const open = new Set<string>();
  const seen = new Set<string>();
  return {
    events,
    onProgress(event) {
      if (event.state === "started") {
        if (seen.has(event.id)) throw new Error(`step ${event.id} is started twice`);
        seen.add(event.id);
        open.add(event.id);
      } else if (!open.has(event.id)) {
        throw new Error(`step ${event.id} is ${event.state} but not started, or has ended`);
      }
      if (event.state === "completed" || event.state === "failed") open.delete(event.id);
      events.push(event);
    },
    ended: () =>
      events
        .filter(({ state }) => state === "completed" || state === "failed")
        .map(({ state, name }) => (state === "failed" ? `FAILED ${name}` : name)),
    find: (name, state) => events.find((event) => name.test(event.name) && (!state || event.state === state)),
  };
}
