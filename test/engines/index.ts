import type { Engine } from "./engine.ts";
import { pageEngines } from "./pages.ts";
import { processEngines } from "./processes.ts";
import { workerEngines } from "./worker.ts";

export type { Engine, ProgramResult, RunOptions } from "./engine.ts";

/** Every engine that Slipway is tested in; those that are absent from this machine say what is missing. */
export const engines: readonly Engine[] = [...processEngines, ...workerEngines, ...pageEngines];
