import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** A program in the background that a test file starts once and ends by its process id. */
export interface Daemon {
  readonly pid: number;
  /** Sends SIGTERM, later SIGKILL, and resolves when the process has ended. */
  stop(): Promise<void>;
}

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("exit", () => resolve()));

/**
 * Starts a daemon and waits until `ready` says yes.
 * @param log file for its output; the end of it is part of the error if it does not come up
 */
export async function startDaemon(
  command: string,
  args: readonly string[],
  options: {
    readonly log: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly ready: () => boolean | Promise<boolean>;
    readonly patience?: number;
  },
): Promise<Daemon> {
  const log = openSync(options.log, "a");
  const child = spawn(command, args, { stdio: ["ignore", log, log], env: options.env ?? process.env });
  closeSync(log);
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  failed.catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) return failed;
  const stop = async (): Promise<void> => {
    const end = ended(child);
    child.kill("SIGTERM");
    if (await Promise.race([end.then(() => true), sleep(15_000).then(() => false)])) return;
    child.kill("SIGKILL");
    await end;
  };
  const attempts = (options.patience ?? 30_000) / 100;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (child.exitCode !== null) break;
    if (await options.ready()) return { pid, stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`${command} did not come up:\n${readFileSync(options.log, "utf8").slice(-2000)}`);
}
