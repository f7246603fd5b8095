import {
  type ContentStore,
  collectGarbage,
  type GarbageCollection,
  type LeaseManager,
  withLease,
} from "../../src/content/index.ts";
import { createOrUpdate } from "../../src/exporter/naming.ts";
import { build } from "../../src/frontend/index.ts";
import type { Digest } from "../../src/oci/index.ts";
import * as act from "./actors.ts";
import { rootsOf, type Scenario } from "./scenario.ts";
import type { ActorStores } from "./world.ts";

// The protocol between those who protect blobs and those who remove them, with a fault each: what tries schedules must find them all.

const image = "example.org/new:1";
const old = "example.org/old:1";

const collectWith =
  (wrong: (stores: ActorStores) => Promise<GarbageCollection>): act.ActorOf =>
  async ({ stores }) => {
    await collectGarbage(await wrong(stores));
  };

/** Roots are read before the collection begins. */
const oldRoots = collectWith(async (stores) => {
  const roots = await rootsOf(stores);
  return { content: stores.content, leases: stores.leases, roots: () => roots };
});

/** Leases may take in blobs while they are removed. */
const openSweep = collectWith(async (stores) => {
  const { content, leases } = stores;
  const open: LeaseManager = {
    ...leasesOf(leases),
    async sweep(content, candidates, mark) {
      const marked = await mark(content);
      const removed = candidates.filter(({ digest }) => !marked.has(digest));
      for (const { digest } of removed) await content.delete(digest).catch(() => undefined);
      return removed;
    },
  };
  return { content, leases: open, roots: () => rootsOf(stores) };
});

/** What was marked at first is not looked at again. */
const markedOnce = collectWith(async (stores) => {
  const { content, leases } = stores;
  let first: ReturnType<typeof rootsOf> | undefined;
  let digests: ReturnType<LeaseManager["protectedDigests"]> | undefined;
  const once: LeaseManager = {
    ...leasesOf(leases),
    protectedDigests() {
      digests ??= leases.protectedDigests();
      return digests;
    },
  };
  return {
    content,
    leases: once,
    roots() {
      first ??= rootsOf(stores);
      return first;
    },
  };
});

function leasesOf(leases: LeaseManager): LeaseManager {
  return {
    create: (id) => leases.create(id),
    list: () => leases.list(),
    get: (id) => leases.get(id),
    protectedDigests: () => leases.protectedDigests(),
    sweep: (content, candidates, mark, signal) => leases.sweep(content, candidates, mark, signal),
  };
}

const options = { compression: "uncompressed" } as const;

/** The lease ends before the image has its name. */
const namesTooLate: act.ActorOf = async ({ stores, journal }) => {
  const { content, images, leases } = stores;
  const report = journal.begin();
  const { descriptor } = await build({ content, leases, files: { "/file": "text" }, options });
  await createOrUpdate(images, { name: image, target: descriptor });
  report(image, descriptor.digest);
};

/** The store is asked for a blob before it is protected. */
const looksFirst: act.ActorOf = async ({ stores, journal }) => {
  const report = journal.begin();
  const lease = await stores.leases.create();
  const { content } = stores;
  const after = async <T>(digest: Digest, answer: Promise<T>): Promise<T> => {
    const settled = await answer.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await lease.add(digest);
    if ("error" in settled) throw settled.error;
    return settled.value;
  };
  const wrong: ContentStore = {
    ...protectedBy(content, lease),
    info: (digest) => after(digest, content.info(digest)),
    writer: (given) =>
      given.digest === undefined ? withLease(content, lease).writer(given) : after(given.digest, content.writer(given)),
  };
  const built = await build({
    content: wrong,
    images: stores.images,
    files: { "/file": "text" },
    options: { ...options, name: image },
  });
  report(image, built.digest);
  await lease.release();
};

/** Only what is written is protected, not what is found. */
const protectsWrites: act.ActorOf = async ({ stores, journal }) => {
  const report = journal.begin();
  const lease = await stores.leases.create();
  const { content } = stores;
  const wrong: ContentStore = {
    ...protectedBy(content, lease),
    info: (digest) => content.info(digest),
    writer: (given) => content.writer(given),
  };
  const built = await build({
    content: wrong,
    images: stores.images,
    files: { "/file": "text" },
    options: { ...options, name: image },
  });
  report(image, built.digest);
  await lease.release();
};

function protectedBy(store: ContentStore, lease: Parameters<typeof withLease>[1]): ContentStore {
  const leased = withLease(store, lease);
  return {
    hasher: leased.hasher,
    info: (digest, given) => leased.info(digest, given),
    list: () => leased.list(),
    label: (digest, labels) => leased.label(digest, labels),
    delete: (digest) => leased.delete(digest),
    open: (digest, range, given) => leased.open(digest, range, given),
    writer: (given) => leased.writer(given),
    status: (ref) => leased.status(ref),
    statuses: () => leased.statuses(),
    abort: (ref) => leased.abort(ref),
  };
}

/** A lease that is forgotten. */
const keepsLease: act.ActorOf = async (part) => {
  await part.stores.leases.create();
  await act.builds(image)(part);
};

/** Ingests that are left. */
const leavesIngest: act.ActorOf = async ({ stores }) => {
  const writer = await stores.content.writer({ ref: "left" });
  await writer.write(new Uint8Array(3));
  await writer.close();
};

const garbage = act.inOrder(act.builds(old, "text"), act.forgets(old));

/** Each of them loses an image, or leaves something, in some schedule. */
export const MUTATIONS: readonly Scenario[] = [
  { name: "roots that were read before the collection", actors: [act.builds(image), oldRoots] },
  {
    name: "leases that take in blobs while these are removed",
    setup: garbage,
    actors: [act.builds(image, "text"), openSweep],
  },
  { name: "a mark that is made only once", setup: garbage, actors: [act.builds(image, "text"), markedOnce] },
  { name: "a lease that ends before the image is named", actors: [namesTooLate, act.collects] },
  { name: "a look before the lease", setup: garbage, actors: [looksFirst, act.collects] },
  { name: "a lease on nothing but what is written", setup: garbage, actors: [protectsWrites, act.collects] },
  { name: "a lease that is left", actors: [keepsLease, act.collects] },
  { name: "an ingest that is left", actors: [leavesIngest, act.collects] },
];
