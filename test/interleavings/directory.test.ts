import { CLI_CROWDS, CLI_PAIRS } from "./cli-scenarios.ts";
import { directory } from "./engines/directory.ts";
import { CROWDS, exploreEngine, PAIRS } from "./scenarios.ts";
import { installNames } from "./scheduler.ts";

installNames();
exploreEngine(directory, { most: 25, pairs: [...PAIRS, ...CLI_PAIRS], crowds: [...CROWDS, ...CLI_CROWDS] });
