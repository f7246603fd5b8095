import { memory } from "./engines/memory.ts";
import { exploreEngine } from "./scenarios.ts";
import { installNames } from "./scheduler.ts";

installNames();
exploreEngine(memory, { most: 2000 });
