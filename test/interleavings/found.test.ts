import { describe, expect, it } from "vitest";
import { CLI_PAIRS } from "./cli-scenarios.ts";
import { directory } from "./engines/directory.ts";
import { memory } from "./engines/memory.ts";
import { replay } from "./explore.ts";
import { tryOf } from "./scenario.ts";
import { CROWDS, PAIRS } from "./scenarios.ts";
import { installNames } from "./scheduler.ts";

installNames();

/**
 * Schedules that broke something once. Where the code takes other steps by now they are others, too: the scenarios are what matters, and these
 * the first schedules that are tried of them.
 */
const FOUND = [
  // A collection asked for the tree of another's active snapshot, and so saved it: its writer could not commit it any more.
  [memory, "a snapshot of what is garbage beside its collection", "19>1"],
  [memory, "the saving of a snapshot beside a page that collects twice", "17>1"],
  [memory, "snapshots, builds and collections", "seed 2"],
  // A collection failed because the snapshot that it looked at was committed.
  [memory, "the commit of a saved snapshot beside a collection", "0>1 21>0"],
  // A collection failed because another one removed the manifest that it read.
  [memory, "builds of one image, successful and not, beside deletions", "seed 155"],
  // A build that failed gave its name back what it had stood for before another build, which had succeeded.
  [directory, "slipway build beside one that fails under the same name", "49>1"],
  // A build that failed gave back a name that had been deleted meanwhile, of an image that was gone.
  [directory, "slipway build that fails under a name that is deleted", "48>1"],
  // A build that failed removed the new store, which another build had begun to use.
  [directory, "slipway build beside one that fails in a new store", "0>1 45>0"],
] as const;

describe("schedules that broke something once", () => {
  it.each(FOUND.map(([engine, name, schedule]) => ({ engine, name, schedule })))(
    "$name, $schedule",
    async ({ engine, name, schedule }) => {
      const scenario = [...PAIRS, ...CROWDS, ...CLI_PAIRS].find((each) => each.name === name);
      if (scenario === undefined) throw new Error(`There is no scenario ${name}`);
      expect((await replay(tryOf(engine, scenario), schedule)).decisions.length).toBeGreaterThan(0);
    },
  );
});
