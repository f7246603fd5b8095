import type { ProgressListener } from "../../index.ts";
import { createStyle, wantsColours } from "../style.ts";
import { createPlainDisplay } from "./plain.ts";
import { createJsonDisplay } from "./rawjson.ts";

/** How progress is shown. */
export type ProgressMode = "auto" | "plain" | "tty" | "rawjson" | "quiet";

/** Where progress is shown: stderr, or what stands for it. */
export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Shows the progress of one operation. */
export interface ProgressDisplay {
  readonly onProgress: ProgressListener;
  /** Shows a sentence that is no step and no error. */
  warn(message: string): void;
  /** Shows a sentence that is good to know; not where nothing is to be shown. */
  note(message: string): void;
  /** Shows what is to stay and stops. Nothing may follow; harmless if called again. */
  end(): void;
}

/** Seconds that never run backwards. */
export const monotonicSeconds = (): number => performance.now() / 1000;

/** The display of a mode; `auto` is `tty` on a terminal that can move its cursor, and `plain` elsewhere. */
export async function createDisplay(
  mode: ProgressMode,
  stream: DisplayStream,
  env: Readonly<Record<string, string | undefined>>,
  title: string,
  now: () => number = monotonicSeconds,
): Promise<ProgressDisplay> {
  const style = createStyle(wantsColours(stream, env));
  switch (mode) {
    case "quiet":
      return {
        onProgress: () => undefined,
        warn: (message) => warnPlainly(stream, message, style.yellow),
        note: () => undefined,
        end: () => undefined,
      };
    case "rawjson":
      return createJsonDisplay(stream, now);
    case "plain":
      return createPlainDisplay(stream, style, now);
    case "tty":
      return await terminalDisplay(stream, style, title, now);
    case "auto":
      return stream.isTTY === true && env.TERM !== "dumb"
        ? await terminalDisplay(stream, style, title, now)
        : createPlainDisplay(stream, style, now);
  }
}

/** Loaded where it is used: what moves a cursor is more than all of a small command. */
async function terminalDisplay(
  ...args: Parameters<typeof import("./terminal.ts").createTerminalDisplay>
): Promise<ProgressDisplay> {
  const { createTerminalDisplay } = await import("./terminal.ts");
  return createTerminalDisplay(...args);
}

/** One line for a warning. */
export function warnPlainly(stream: DisplayStream, message: string, colour: (text: string) => string): void {
  stream.write(`${colour("warning:")} ${message}\n`);
}

/** One line for what is good to know. */
export function notePlainly(stream: DisplayStream, message: string, colour: (text: string) => string): void {
  stream.write(`${colour(`note: ${message}`)}\n`);
}
