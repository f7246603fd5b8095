import { spawn } from "node:child_process";
import type { Environment } from "./locations.ts";

/** Longest answer that is read: tokens of cloud providers have some kilobytes. */
export const OUTPUT_LIMIT: number = 256 * 1024;
const COMPLAINTS_LIMIT = 4096;

/** How a helper ended. */
export interface HelperEnd {
  /** Exit status; null after a signal. */
  readonly code: number | null;
  /** What it wrote to stdout, as far as it is read. */
  readonly output: string;
  /** The beginning of what it wrote to stderr. */
  readonly complaints: string;
}

/**
 * Runs `PROGRAM get` with `input` on its standard input.
 * @throws the host's error if it cannot be started, and the signal's reason, which ends it
 */
export type HelperRunner = (program: string, input: string, signal: AbortSignal) => Promise<HelperEnd>;

/** Runs helpers as Node does. @param env default: the process's own */
export function nodeHelperRunner(env: Environment | undefined): HelperRunner {
  return (program, input, signal) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, ["get"], { stdio: "pipe", ...(env === undefined ? {} : { env: { ...env } }) });
      let output = "";
      let complaints = "";
      const onAbort = (): void => {
        child.kill();
        // What the helper itself has started may hold them open.
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const settled = (): void => signal.removeEventListener("abort", onAbort);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        if (output.length <= OUTPUT_LIMIT) output += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        if (complaints.length < COMPLAINTS_LIMIT) complaints += text;
      });
      // A helper that does not read what it is asked.
      child.stdin.on("error", () => undefined);
      child.stdin.end(`${input}\n`);
      child.on("error", (error) => {
        settled();
        reject(error);
      });
      child.on("close", (code) => {
        settled();
        resolve({ code, output, complaints });
      });
    });
}
