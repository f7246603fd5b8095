import * as act from "./actors.ts";
import * as cli from "./cli-actors.ts";
import type { Scenario } from "./scenario.ts";

const image = "example.org/new:1";
const same = "example.org/same:1";
const old = "example.org/old:1";

/** Commands of the command line, two at once. */
export const CLI_PAIRS: readonly Scenario[] = [
  {
    name: "slipway build beside slipway gc",
    setup: act.inOrder(act.builds(old, "text"), act.forgets(old)),
    actors: [cli.builds(image, "text"), act.collects],
  },
  {
    name: "slipway build beside one of the same that fails",
    actors: [cli.builds(image, "text"), cli.buildsInVain(same, "text")],
  },
  {
    name: "slipway build beside one that fails under the same name",
    setup: act.builds(image, "old text"),
    actors: [cli.builds(image, "new text"), cli.buildsInVain(image, "another text")],
  },
  {
    name: "slipway build that fails beside slipway gc",
    setup: act.builds(old, "text"),
    actors: [cli.buildsInVain(image, "text"), act.collects],
  },
  {
    name: "slipway build that fails under a name that is deleted",
    setup: act.builds(image, "old text"),
    actors: [cli.buildsInVain(image, "new text"), act.deletes(image)],
  },
  {
    name: "slipway build beside one that fails in a new store",
    actors: [cli.buildsAfresh(image, "text"), cli.buildsAfreshInVain(same, "text")],
    after: cli.isThereAfresh(image),
  },
  {
    name: "slipway build with a cache beside slipway cache prune",
    setup: cli.hasCache("text"),
    actors: [cli.buildsInCache("text"), cli.prunesCache],
    after: cli.isEmptyCache,
  },
  {
    name: "two slipway builds with a cache",
    setup: cli.hasCache("old text"),
    actors: [cli.buildsInCache("text"), cli.buildsInCache("text")],
    after: cli.isEmptyCache,
  },
];

/** More than two. */
export const CLI_CROWDS: readonly Scenario[] = [
  {
    name: "slipway builds, one of which fails, beside slipway gc",
    setup: act.inOrder(act.builds(old, "text"), act.forgets(old)),
    actors: [cli.builds(image, "text"), cli.builds(same, "text"), cli.buildsInVain(old, "text"), act.collects],
  },
];
