import { CommanderError } from "commander";
import { SlipwayError } from "../index.ts";
import { printable } from "./format.ts";
import { Interruption } from "./interrupt.ts";

/** How a failed command ends. */
export interface Failure {
  /** One line, without the program's name. */
  readonly message: string;
  readonly exitStatus: number;
}

/** Status of a command that was not understood, as most programs have it. */
export const USAGE_STATUS = 2;

/** What to tell of an error: one line with what failed, why, what to do, and the code. */
export function describeFailure(error: unknown, doing: string): Failure {
  if (error instanceof Interruption) {
    const hint = error.hint === undefined ? "" : `; ${error.hint}`;
    return { message: `Cannot ${doing}: interrupted${hint}`, exitStatus: error.exitStatus };
  }
  if (error instanceof SlipwayError) return { message: `${oneLine(error.message)} (${error.code})`, exitStatus: 1 };
  if (error instanceof CommanderError) {
    const reason = oneLine(error.message.replace(/^error: /, ""));
    return {
      message: `Cannot read the command line: ${reason}; try --help (INVALID_ARGUMENT)`,
      exitStatus: USAGE_STATUS,
    };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { message: `Cannot ${doing}: ${oneLine(text)}; --debug shows where (UNEXPECTED)`, exitStatus: 1 };
}

/** The stacks of an error and of all that caused it. */
export function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (
    let next = error;
    next !== undefined && stacks.length < 16;
    next = next instanceof Error ? next.cause : undefined
  ) {
    const stack = next instanceof Error ? (next.stack ?? String(next)) : String(next);
    stacks.push(`${stacks.length === 0 ? "" : "caused by: "}${stack}`);
  }
  return stacks.join("\n");
}

const oneLine = (text: string): string => printable(text.trim().replace(/\s*\n\s*/g, " "));
