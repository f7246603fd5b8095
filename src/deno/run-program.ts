import { Buffer } from "node:buffer";
import { chunksOf } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import { isGranted } from "../node/permission.ts";
import type { ProgramRunner } from "../node/xattrs.ts";

/** The part of a `Deno.ChildProcess` that is needed. */
interface DenoChild {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly status: Promise<{ readonly code: number; readonly signal: string | null }>;
  kill(): void;
}

/** The part of `Deno` that starts programs. */
export interface DenoCommands {
  readonly Command: new (program: string, options: Readonly<Record<string, unknown>>) => { spawn(): DenoChild };
}

const COMPLAINTS_LIMIT = 4096;

/**
 * Runs programs by `Deno.Command`, which needs `--allow-run=PROGRAM` and nothing else: Deno's Node would look at the whole
 * environment, and Deno would not pass some of it on to a program that is allowed by name.
 */
export function denoRunner({ Command }: DenoCommands): ProgramRunner {
  return async (program, args, onOutput, signal) => {
    if (!isGranted({ name: "run", command: program })) {
      throw new SlipwayError("PERMISSION_DENIED", `${program} may not be run: give Deno --allow-run=${program}`);
    }
    const options = { args, clearEnv: true, stdin: "null", stdout: "piped", stderr: "piped" };
    const child = new Command(program, options).spawn();
    const kill = (): void => killed(child);
    signal?.addEventListener("abort", kill, { once: true });
    let complaints = "";
    try {
      await Promise.all([
        eachText(child.stdout, onOutput),
        eachText(child.stderr, (text) => {
          if (complaints.length < COMPLAINTS_LIMIT) complaints += text;
        }),
      ]);
      const { code, signal: by } = await child.status;
      signal?.throwIfAborted();
      return { code: by === null ? code : null, complaints: Buffer.from(complaints, "latin1").toString() };
    } catch (error) {
      kill();
      await child.status;
      throw error;
    } finally {
      signal?.removeEventListener("abort", kill);
    }
  };
}

/** Hands out what comes, one character for each byte. */
async function eachText(stream: ReadableStream<Uint8Array>, handle: (text: string) => void): Promise<void> {
  for await (const chunk of chunksOf(stream)) {
    handle(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1"));
  }
}

function killed(child: DenoChild): void {
  try {
    child.kill();
  } catch {
    // It has ended already.
  }
}
