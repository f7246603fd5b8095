import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** One operation: its name and its arguments. */
export type Operation = readonly [name: string, ...args: (string | number | boolean)[]];

/** What a filesystem made of a list of operations. */
export interface Outcome {
  readonly results: readonly { readonly value?: unknown; readonly error?: string }[];
  readonly nodes: readonly unknown[];
  readonly links: readonly (readonly string[])[];
}

/** A real filesystem, by a Python process that may change its root directory. */
export class FilesystemOracle {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    this.#process = spawn("python3", [fileURLToPath(new URL("filesystem-oracle.py", import.meta.url))]);
    this.#process.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async run(operations: readonly Operation[]): Promise<Outcome> {
    this.#process.stdin.write(`${JSON.stringify(operations)}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error("the oracle ended");
    return JSON.parse(answer.value) as Outcome;
  }

  close(): void {
    this.#process.stdin.end();
  }
}

/** Whether this process may change its root directory, which takes root. */
export function canChroot(): boolean {
  try {
    execFileSync("python3", ["-c", "import os; os.chroot('/')"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
