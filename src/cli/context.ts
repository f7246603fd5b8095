import type { DisplayStream } from "./progress/display.ts";

/** What a command has of its process. */
export interface CliContext {
  readonly stdout: OutputStream;
  readonly stderr: DisplayStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** stdout: what a command was asked to print. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Resolves when the bytes have been taken. @throws SlipwayError `IO` if nobody reads any more */
  write(data: string | Uint8Array): Promise<void>;
}
