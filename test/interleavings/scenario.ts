import { collectGarbage, type GarbageRoot, readBlob, readBlobBytes } from "../../src/content/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { type Descriptor, type Digest, parseManifest } from "../../src/oci/index.ts";
import { createSnapshotter, snapshotContents } from "../../src/snapshots/index.ts";
import { type Try, ViolationError } from "./explore.ts";
import { Journal } from "./journal.ts";
import { type Outcome, resetNames, runSchedule } from "./scheduler.ts";
import type { ActorStores, Engine, World } from "./world.ts";

/** What an actor has. */
export interface Part {
  readonly stores: ActorStores;
  readonly journal: Journal;
  readonly world: World;
}

/** Actors beside each other, and what was there before. */
export interface Scenario {
  readonly name: string;
  readonly setup?: ((part: Part) => Promise<void>) | undefined;
  /** What one throws is a fault. */
  readonly actors: readonly ((part: Part) => Promise<void>)[];
  /** What else must hold in the end. @returns what is wrong */
  readonly after?: ((part: Part) => Promise<string | undefined>) | undefined;
}

/** How a scenario is run. */
export interface TryOptions {
  /** All actors have the same objects, as requests to one isolate do. Default: each has opened the stores for itself. */
  readonly shared?: boolean | undefined;
  /** Some may be very slow. Then others may give up, with `UNAVAILABLE`. */
  readonly slow?: boolean | undefined;
}

/** A scenario on fresh stores, with the invariants checked in the end. */
export function tryOf(engine: Engine, scenario: Scenario, { shared = false, slow = false }: TryOptions = {}): Try {
  return async (chooser) => {
    resetNames();
    // Most errors here are answers, and no one reads where they came from.
    Error.stackTraceLimit = 0;
    const world = await engine.create();
    try {
      const journal = new Journal();
      const own = await world.open();
      await scenario.setup?.({ stores: own, journal, world });
      const opened: ActorStores[] = [];
      for (const _ of scenario.actors) opened.push(shared ? own : await world.open());
      const outcome = await runSchedule(
        scenario.actors.map((actor, index) => async () => {
          const stores = opened[index] as ActorStores;
          await actor({ stores, journal, world });
          if (!shared) await stores.close();
        }),
        { chooser, isBusy: engine.isBusy, slow },
      );
      let gaveUp = false;
      for (const [index, error] of outcome.errors.entries()) {
        if (error === undefined) continue;
        if (slow && isSlipwayError(error, "UNAVAILABLE")) {
          gaveUp = true;
          continue;
        }
        throw new ViolationError(`actor ${index} failed: ${messageOf(error)}`, outcome, error);
      }
      await check(world, own, journal, outcome, gaveUp);
      const wrong = await scenario.after?.({ stores: own, journal, world });
      if (wrong !== undefined) throw new ViolationError(wrong, outcome);
      return outcome;
    } finally {
      Error.stackTraceLimit = 10;
      await world.close();
    }
  };
}

/**
 * An image that was reported is whole until somebody deletes it. What nobody needs is gone after a quiet collection, and with it all that
 * actors had for as long as they were at work.
 */
async function check(
  world: World,
  stores: ActorStores,
  journal: Journal,
  outcome: Outcome,
  gaveUp: boolean,
): Promise<void> {
  const violated = (message: string, cause?: unknown): ViolationError => new ViolationError(message, outcome, cause);
  const images = await stores.images.list();
  for (const name of journal.names) {
    const digest = images.find((image) => image.name === name)?.target.digest;
    const may = journal.mayBe(name);
    if (may.has(digest)) continue;
    throw violated(`${name} is ${digest ?? "gone"}, but was reported to be ${[...may].join(" or ")}`);
  }
  const needed = new Set<Digest>();
  for (const { name, target } of images) {
    try {
      for (const digest of await wholeImage(stores, target)) needed.add(digest);
    } catch (error) {
      throw violated(`${name} is not whole: ${messageOf(error)}`, error);
    }
  }
  for (const root of await snapshotFiles(stores)) {
    const digest = typeof root === "string" ? root : root.digest;
    await stores.content.info(digest).catch((error: unknown) => {
      throw violated(`a snapshot is not whole: ${messageOf(error)}`, error);
    });
    needed.add(digest);
  }
  // Whoever gave up leaves what ends by itself in a day.
  if (gaveUp) return;
  const leases = await stores.leases.list();
  if (leases.length > 0) throw violated(`leases are left: ${leases.join(", ")}`);
  await collect(stores);
  const left: string[] = [];
  for await (const { digest } of stores.content.list()) if (!needed.has(digest)) left.push(digest);
  for await (const { ref } of stores.content.statuses()) left.push(`ingest ${ref}`);
  await stores.close();
  left.push(...(await world.leftovers()));
  if (left.length > 0) throw violated(`after a quiet collection there is still: ${left.join(", ")}`);
  for (const { name, target } of images) {
    await wholeImage(stores, target).catch((error: unknown) => {
      throw violated(`a quiet collection damaged ${name}: ${messageOf(error)}`, error);
    });
  }
}

/** All that images and snapshots need. */
export async function rootsOf(stores: ActorStores): Promise<readonly GarbageRoot[]> {
  return [...(await stores.roots()), ...(await snapshotFiles(stores))];
}

/** Removes what nothing needs. */
export async function collect(stores: ActorStores, among?: Iterable<Digest>): Promise<void> {
  const { content, leases } = stores;
  await collectGarbage({ content, leases, roots: () => rootsOf(stores), among });
}

/** The files of all snapshots. */
async function snapshotFiles({ content, metadata }: ActorStores): Promise<readonly GarbageRoot[]> {
  // Most scenarios have none.
  if ((await metadata.keys("snapshots/")).length === 0) return [];
  const found: GarbageRoot[] = [];
  for await (const root of snapshotContents(createSnapshotter({ content, metadata }))) found.push(root);
  return found;
}

/** Reads an image with all that belongs to it, and verifies it. @returns the digests of its blobs */
export async function wholeImage(
  { content }: Pick<ActorStores, "content">,
  target: Descriptor,
): Promise<readonly Digest[]> {
  const { config, layers } = parseManifest(await readBlobBytes(content, target), `manifest ${target.digest}`);
  for (const part of [config, ...layers]) for await (const _ of readBlob(content, part));
  return [target, config, ...layers].map(({ digest }) => digest);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
