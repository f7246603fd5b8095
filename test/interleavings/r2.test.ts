import { r2 } from "./engines/r2.ts";
import { exploreEngine } from "./scenarios.ts";
import { installNames } from "./scheduler.ts";

installNames();
exploreEngine(r2, { most: 50 });
