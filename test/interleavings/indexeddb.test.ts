import { indexeddb, indexeddbWithoutLocks } from "./engines/indexeddb.ts";
import { exploreEngine } from "./scenarios.ts";
import { installNames, installTimers } from "./scheduler.ts";

installNames();
installTimers();
exploreEngine(indexeddb, { most: 50 });
exploreEngine(indexeddbWithoutLocks, { most: 25 });
