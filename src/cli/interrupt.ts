import process from "node:process";

/** What a signal from outside makes of the operation that runs. */
export class Interruption extends Error {
  override readonly name: string = "Interruption";
  /** The status that a shell expects of a program ended by this signal. */
  readonly exitStatus: number;
  /** What its user may like to know: that the command can be run again to go on. */
  hint: string | undefined;

  constructor(signal: string, exitStatus: number) {
    super(`interrupted by ${signal}`);
    this.exitStatus = exitStatus;
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Milliseconds in which a signal is the first one again: a terminal sends Ctrl-C to all, and npm passes on what it got. */
const ECHO = 500;

/**
 * Runs `work` with a signal that is aborted by Ctrl-C and its like, so that it can clean up behind itself. A second Ctrl-C does not
 * wait for that.
 */
export async function withInterrupts<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let first = 0;
  const listeners = Object.entries(SIGNALS).map(([name, exitStatus]) => {
    const listener = (): void => {
      if (controller.signal.aborted) {
        if (performance.now() - first < ECHO) return;
        process.exit(exitStatus);
      }
      first = performance.now();
      controller.abort(new Interruption(name, exitStatus));
    };
    process.on(name, listener);
    return { name, listener };
  });
  try {
    return await work(controller.signal);
  } finally {
    for (const { name, listener } of listeners) process.off(name, listener);
  }
}
