import { SlipwayError } from "../../index.ts";
import type { CliContext } from "../context.ts";
import { printable } from "../format.ts";
import { createDisplay, type ProgressDisplay, type ProgressMode } from "./display.ts";

/** The flags that say how progress is shown. */
export interface ProgressFlags {
  readonly progress: string;
  readonly quiet?: boolean;
}

/** @throws SlipwayError `INVALID_OPTION` */
export function progressMode({ progress, quiet }: ProgressFlags, { stderr }: Pick<CliContext, "stderr">): ProgressMode {
  if (quiet) return "quiet";
  switch (progress) {
    case "tty":
      if (stderr.isTTY !== true) {
        throw new SlipwayError("INVALID_OPTION", "Cannot use --progress tty: stderr is not a terminal; use plain");
      }
      return progress;
    case "auto":
    case "plain":
    case "rawjson":
      return progress;
    default:
      throw new SlipwayError(
        "INVALID_OPTION",
        `Cannot use --progress ${JSON.stringify(progress)}: known are auto, plain, tty and rawjson`,
      );
  }
}

/** Runs `work` with a display of its progress, which ends before anything else is printed. */
export async function withDisplay<T>(
  mode: ProgressMode,
  title: string,
  { stderr, env }: Pick<CliContext, "stderr" | "env">,
  work: (display: ProgressDisplay) => Promise<T>,
): Promise<T> {
  const display = await createDisplay(mode, stderr, env, printable(title));
  try {
    return await work(display);
  } finally {
    display.end();
  }
}
