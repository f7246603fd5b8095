/** What a program that ran in an engine gave. */
export interface ProgramResult {
  /** The engine's own version, as it tells it. */
  readonly version: string;
  /** What the program's `run` gave; anything that JSON can say. */
  readonly value: unknown;
}

/**
 * Something that runs JavaScript. A program is a folder with a module for each kind of host, `process.ts` (Node, Deno, Bun),
 * `page.ts` (browsers) and `worker.ts` (workerd), each of which exports a function `run`.
 */
export interface Engine {
  /** As people call it. */
  readonly name: string;
  /** What is absent from this machine, if that is why the engine cannot run. */
  readonly missing?: string | undefined;
  /** Compatibility flags of a Worker. */
  readonly flags?: readonly string[] | undefined;
  /**
   * Runs a program from its beginning, with fresh storage.
   * @param program path of its folder
   */
  run(program: string, options?: RunOptions): Promise<ProgramResult>;
}

/** How a program is run. */
export interface RunOptions {
  /** Given to `run` as its argument. */
  readonly argument?: unknown;
  /** Milliseconds after which it counts as failed. Default five minutes. */
  readonly timeout?: number | undefined;
  /** The Content Security Policy of the page, where it is one. Default the strict one that Slipway promises to work under. */
  readonly policy?: string | undefined;
}

/** Milliseconds. */
export const DEFAULT_TIMEOUT = 300_000;

/** What wrappers send back. */
export type Outcome = { readonly version: string } & ({ readonly value: unknown } | { readonly failure: string });

/** The value of an outcome, or its failure as an error. */
export function resultOf(engine: string, text: string): ProgramResult {
  const outcome = JSON.parse(text) as Outcome;
  if ("failure" in outcome) throw new Error(`${engine}: ${outcome.failure}`);
  return outcome;
}
