import { type HashArgument, type HashSpeeds, measureHashers } from "./measure.ts";

/** Speeds by the engine's own clock. */
export const run = (argument: HashArgument): Promise<HashSpeeds> =>
  measureHashers(async () => performance.now(), argument);
