import { createCompressPool } from "../../../src/node/index.ts";
import { type ChromiumArgument, type ChromiumRound, measure } from "./measure.ts";

/** Measures in Node. */
export const run = (argument: ChromiumArgument): Promise<ChromiumRound> => measure(argument, createCompressPool);
