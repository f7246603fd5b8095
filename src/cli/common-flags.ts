import type { Command } from "commander";
import type { ProgressListener } from "../index.ts";
import type { CliContext } from "./context.ts";
import { printable } from "./format.ts";
import { notePlainly } from "./progress/display.ts";
import { createStyle, wantsColours } from "./style.ts";

/** What several commands say of the same flag. */
export const INSECURE = "allow plain http to any registry (loopback: always)";
export const STORE_OF_NAMES = "store in which names are looked up first";
export const CACHE_DIR = "cache of builds (default: $SLIPWAY_CACHE_DIR, or the user's)";
export const STORE = "the store (default: $SLIPWAY_STORE, or the user's)";

/** Declares the flags of commands that take their time. */
export function addProgressFlags(command: Command): Command {
  return command
    .option("--progress <mode>", "auto, plain, tty or rawjson", "auto")
    .option("-q, --quiet", "print just the digest");
}

/** How commands without a display say what is good to know. */
export function noteTo({ stderr, env }: Pick<CliContext, "stderr" | "env">): (message: string) => void {
  const style = createStyle(wantsColours(stderr, env));
  return (message) => notePlainly(stderr, printable(message), style.dim);
}

/** What commands without a display show of the progress: that a registry is waited for, and why. */
export function waitsTo(note: (message: string) => void): ProgressListener {
  return ({ id, name, state }) => {
    if (state === "started" && /(^|: )retry \d+$/.test(id)) note(name);
  };
}
