import { describe, expect, it } from "vitest";
import * as act from "./actors.ts";
import { explore, exploreRandomly } from "./explore.ts";
import { type Scenario, tryOf } from "./scenario.ts";
import type { Engine } from "./world.ts";

const image = "example.org/new:1";
const same = "example.org/same:1";
const old = "example.org/old:1";
/** Too large for a record: in a bucket it gets an object of its own. */
const large = "text ".repeat(8000);

/** Two that are at work at once: all schedules with up to two preemptions. */
export const PAIRS: readonly Scenario[] = [
  { name: "a build beside a collection", actors: [act.builds(image), act.collects] },
  {
    name: "a build of what is garbage beside its collection",
    setup: act.inOrder(act.builds(old, "text"), act.forgets(old)),
    actors: [act.builds(image, "text"), act.collects],
  },
  {
    name: "a large build of what is garbage beside its collection",
    setup: act.inOrder(act.builds(old, large), act.forgets(old)),
    actors: [act.builds(image, large), act.collects],
  },
  {
    name: "a build of the same as an image that is deleted",
    setup: act.builds(old, "text"),
    actors: [act.builds(image, "text"), act.deletes(old)],
  },
  {
    name: "a copy of what is garbage beside its collection",
    setup: act.inOrder(act.builds(old, "text"), act.forgets(old)),
    actors: [act.pulls(image, "text"), act.collects],
  },
  {
    name: "a copy of the same as an image that is deleted",
    setup: act.builds(old, "text"),
    actors: [act.pulls(image, "text"), act.deletes(old)],
  },
  { name: "two builds of the same", actors: [act.builds(image, "text"), act.builds(same, "text")] },
  {
    name: "a build beside a failing one of the same",
    actors: [act.builds(image, "text"), act.buildsInVain(same, "text")],
  },
  {
    name: "a name given to an image that is deleted",
    setup: act.builds(old),
    actors: [act.tags(old, image), act.deletes(old)],
  },
  {
    name: "a push of an image beside a build of another under its name",
    setup: act.builds(image, "old text"),
    actors: [act.pushes(image, true), act.inOrder(act.builds(image, "new text"), act.collects)],
  },
  {
    name: "a push of an image beside a collection",
    setup: act.inOrder(act.builds(old), act.forgets(old), act.builds(image)),
    actors: [act.pushes(image), act.collects],
  },
  {
    name: "a build under a name that is deleted",
    setup: act.builds(image, "old text"),
    actors: [act.builds(image, "new text"), act.deletes(image)],
  },
  {
    name: "two collections of the same garbage",
    setup: act.inOrder(act.builds(old), act.forgets(old), act.builds(image)),
    actors: [act.collects, act.collects],
  },
  {
    name: "a snapshot of what is garbage beside its collection",
    setup: act.inOrder(act.commitsSnapshot("old", "text"), act.forgetsSnapshot("old")),
    actors: [act.commitsSnapshot("new", "text"), act.collects],
  },
  {
    name: "the commit of a saved snapshot beside a collection",
    setup: act.savesSnapshot("new-work", "text"),
    actors: [act.commitsSaved("new", "new-work"), act.collects],
  },
  {
    name: "the saving of a snapshot beside a page that collects twice",
    actors: [act.savesSnapshot("work", "text"), act.collectsTwice],
  },
  {
    name: "a build beside the removal of a snapshot with the same file",
    setup: act.commitsSnapshot("old", "text"),
    actors: [act.builds(image, "text"), act.removesSnapshot("old")],
  },
];

/** More than two: schedules of seeds. */
export const CROWDS: readonly Scenario[] = [
  {
    name: "two builds, a copy and two collections",
    setup: act.inOrder(act.builds(old, "text"), act.forgets(old)),
    actors: [
      act.builds(image, "text"),
      act.builds(same, "other"),
      act.pulls("example.org/copy:1", "text"),
      act.collects,
      act.collects,
    ],
  },
  {
    name: "builds of one image, successful and not, beside deletions",
    setup: act.inOrder(act.builds(old, "text"), act.builds(same, "text")),
    actors: [
      act.builds(image, "text"),
      act.buildsInVain("example.org/vain:1", "text"),
      act.deletes(old),
      act.deletes(same),
    ],
  },
  {
    name: "tags, pushes and deletions of one image, beside a build",
    setup: act.builds(old, "text"),
    actors: [
      act.tags(old, image),
      act.tags(old, same),
      act.pushes(old, true),
      act.deletes(old),
      act.builds("example.org/built:1", "text"),
    ],
  },
  {
    name: "snapshots, builds and collections",
    setup: act.commitsSnapshot("old", "text"),
    actors: [act.commitsSnapshot("new", "text"), act.removesSnapshot("old"), act.builds(image, "text"), act.collects],
  },
];

/** How much is tried. SLIPWAY_INTERLEAVINGS=N: N times as many schedules; 0: all pairs to the end, and ten times as many seeds. */
const WIDE = process.env.SLIPWAY_INTERLEAVINGS;

/** What is tried of an engine. */
export interface ExplorationOptions {
  /** Schedules of one pair, and a tenth of that for a crowd, in each of three ways. */
  readonly most: number;
  readonly pairs?: readonly Scenario[] | undefined;
  readonly crowds?: readonly Scenario[] | undefined;
}

/** Declares the tests of an engine. */
export function exploreEngine(engine: Engine, { most, pairs = PAIRS, crowds = CROWDS }: ExplorationOptions): void {
  const factor = WIDE === undefined ? 1 : Number(WIDE);
  const bound = factor === 0 ? Number.POSITIVE_INFINITY : most * factor;
  const seeds = Math.ceil((most / 10) * (factor === 0 ? 10 : factor));
  let total = 0;
  let complete = 0;
  describe(`${engine.name}: nothing is lost and nothing is left`, () => {
    it.each(pairs)("$name", { timeout: 3_600_000 }, async (scenario) => {
      const explored = await explore(tryOf(engine, scenario), { preemptions: 2, most: bound });
      expect(explored.schedules).toBeGreaterThan(1);
      total += explored.schedules;
      if (explored.complete) complete++;
      if (WIDE !== undefined) console.log(`  ${scenario.name}: ${explored.schedules}`);
    });

    it.each(crowds)("$name", { timeout: 3_600_000 }, async (scenario) => {
      for (const options of [{}, { shared: true }, { slow: true }]) {
        total += await exploreRandomly(tryOf(engine, scenario, options), range(0, seeds));
      }
    });

    it("was tried in many schedules", () => {
      const told = `${complete} of ${pairs.length} pairs completely`;
      console.log(`${engine.name}: ${total.toLocaleString("en")} schedules, ${told}`);
    });
  });
}

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);
