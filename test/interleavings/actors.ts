import { collectGarbage, withLease } from "../../src/content/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { build } from "../../src/frontend/index.ts";
import type { Digest } from "../../src/oci/index.ts";
import { createSnapshotter, snapshotContents } from "../../src/snapshots/index.ts";
import { copy, storeSource, storeTarget } from "../../src/transfer/index.ts";
import { collect, type Part, rootsOf, wholeImage } from "./scenario.ts";
import { sourceImage } from "./source-image.ts";

/** What a scenario is made of. */
export type ActorOf = (part: Part) => Promise<void>;

const options = (name: string) => ({ name, compression: "uncompressed" }) as const;

/** Builds an image of one file. The same text gives the same image. */
export const builds =
  (name: string, text: string = name): ActorOf =>
  async ({ stores, journal }) => {
    const report = journal.begin();
    const image = await build({ ...stores, files: { "/file": text }, options: options(name) });
    report(name, image.digest);
  };

/** The reason why a build failed that was to fail. */
class Stop extends Error {}

/** Builds what fails when all of it is written and named, and takes it back, as a Worker does. */
export const buildsInVain =
  (name: string, text: string = name): ActorOf =>
  async ({ stores }) => {
    const { content, leases } = stores;
    const lease = await leases.create();
    const written = new Set<Digest>();
    const leased = withLease(content, {
      async add(digest) {
        written.add(digest);
        await lease.add(digest);
      },
    });
    try {
      // A name is what comes last.
      const images = { ...stores.images, update: refuse, create: refuse };
      await build({ content: leased, images, files: { "/file": text }, options: options(name) });
    } catch (error) {
      await lease.release();
      await collect(stores, written);
      if (!(error instanceof Stop)) throw error;
    } finally {
      await lease.release();
    }
  };

const refuse = async (): Promise<never> => {
  throw new Stop("refused");
};

/** Takes an image in from another store. The same text gives the same image as a build does. */
export const pulls =
  (name: string, text: string = name): ActorOf =>
  async ({ stores, journal }) => {
    const source = await sourceImage(text);
    const report = journal.begin();
    const { descriptor } = await copy(storeSource(source), storeTarget(stores, name));
    report(name, descriptor.digest);
  };

/** Gives an image another name. That it was removed before is no fault. */
export const tags =
  (from: string, to: string): ActorOf =>
  async ({ stores, journal }) => {
    const report = journal.begin();
    try {
      const { descriptor } = await copy(storeSource(stores, from), storeTarget(stores, to));
      report(to, descriptor.digest);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
  };

/** Sends an image elsewhere, where it is whole then. `mayVanish`: somebody deletes it meanwhile. */
export const pushes =
  (name: string, mayVanish: boolean = false): ActorOf =>
  async ({ stores }) => {
    const target = await sourceImage(undefined);
    try {
      const { descriptor } = await copy(storeSource(stores, name), storeTarget(target, "x:1"));
      await wholeImage(target, descriptor);
    } catch (error) {
      if (!mayVanish || !isSlipwayError(error, "NOT_FOUND")) throw error;
    }
  };

/** Deletes a name, and then what nothing needs any more, as a Worker answers a DELETE. */
export const deletes =
  (name: string): ActorOf =>
  async ({ stores, journal }) => {
    const report = journal.begin();
    try {
      await stores.images.delete(name);
      report(name, undefined);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
    await collect(stores);
  };

/** Deletes a name and leaves its image as garbage. */
export const forgets =
  (name: string): ActorOf =>
  async ({ stores, journal }) => {
    const report = journal.begin();
    await stores.images.delete(name);
    report(name, undefined);
  };

/** Removes what nothing needs. */
export const collects: ActorOf = ({ stores }) => collect(stores);

/** Keeps a file in a snapshot. */
export const commitsSnapshot =
  (name: string, text: string): ActorOf =>
  async ({ stores }) => {
    const lease = await stores.leases.create();
    try {
      const content = withLease(stores.content, lease);
      const snapshots = createSnapshotter({ content, metadata: stores.metadata });
      const work = await snapshots.prepare(`${name}-work`);
      await work.writeFile("/file", text);
      (await snapshots.commit(name, `${name}-work`)).release();
    } finally {
      await lease.release();
    }
  };

/** Writes a file into an active snapshot and saves it: from then on nothing but the snapshot keeps the file. */
export const savesSnapshot =
  (key: string, text: string): ActorOf =>
  async ({ stores }) => {
    const lease = await stores.leases.create();
    try {
      const snapshots = createSnapshotter({ ...stores, content: withLease(stores.content, lease) });
      const work = await snapshots.prepare(key);
      await work.writeFile("/file", text);
      await work.tree();
    } finally {
      await lease.release();
    }
  };

/** Commits what was saved before. */
export const commitsSaved =
  (name: string, key: string): ActorOf =>
  async ({ stores }) => {
    const snapshots = createSnapshotter(stores);
    (await snapshots.commit(name, key)).release();
  };

/** Removes what nothing needs, twice, as a page does that goes on with the snapshotter that it has. */
export const collectsTwice: ActorOf = async ({ stores }) => {
  const { content, leases } = stores;
  const snapshots = createSnapshotter(stores);
  for (let i = 0; i < 2; i++) {
    await collectGarbage({
      content,
      leases,
      roots: async () => {
        const roots = [...(await stores.roots())];
        for await (const root of snapshotContents(snapshots)) roots.push(root);
        return roots;
      },
    });
  }
};

/** Removes a snapshot and leaves its files as garbage. */
export const forgetsSnapshot =
  (name: string): ActorOf =>
  async ({ stores }) => {
    await createSnapshotter(stores).remove(name);
  };

/** Removes a snapshot, and then what nothing needs any more. */
export const removesSnapshot =
  (name: string): ActorOf =>
  async ({ stores }) => {
    const snapshots = createSnapshotter(stores);
    await snapshots.remove(name).catch((error: unknown) => {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    });
    await collect(stores);
  };

/** Collects by roots that were read before: wrong. */
export const collectsByOldRoots: ActorOf = async ({ stores }) => {
  const { content, leases } = stores;
  const roots = await rootsOf(stores);
  await collectGarbage({ content, leases, roots: () => roots });
};

/** One after the other. */
export const inOrder =
  (...actors: readonly ActorOf[]): ActorOf =>
  async (part) => {
    for (const actor of actors) await actor(part);
  };
