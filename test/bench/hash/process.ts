import { type HashSpeeds, measureHashers } from "./measure.ts";

/** Speeds by the engine's own clock. */
export const run = (): Promise<HashSpeeds> => measureHashers(async () => performance.now());
