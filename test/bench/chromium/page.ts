import { createCompressPool } from "../../../src/browser/index.ts";
import { type ChromiumArgument, type ChromiumRound, measure } from "./measure.ts";

/** Measures in a page. */
export const run = (argument: ChromiumArgument): Promise<ChromiumRound> => measure(argument, createCompressPool);
