import process from "node:process";

/** What a signal from outside makes of the operation that runs. */
export class Interruption extends Error {
  override readonly name: string = "Interruption";
  /** The status that a shell expects of a program ended by this signal. */
  readonly exitStatus: number;

  constructor(signal: string, exitStatus: number) {
    super(`interrupted by ${signal}`);
    this.exitStatus = exitStatus;
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Runs `work` with a signal that is aborted by Ctrl-C and its like, so that it can clean up behind itself. A second Ctrl-C does not
 * wait for that.
 */
export async function withInterrupts<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const listeners = Object.entries(SIGNALS).map(([name, exitStatus]) => {
    const listener = (): void => {
      if (controller.signal.aborted) process.exit(exitStatus);
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
