import { Buffer } from "node:buffer";
import { chunksOf } from "../bytes.ts";
import { type DockerCredentialsOptions, dockerCredentialsBy } from "../node/docker-config/docker-credentials.ts";
import { type HelperRunner, nodeHelperRunner, OUTPUT_LIMIT } from "../node/docker-config/run-helper.ts";
import type { CredentialProvider } from "../registry/credentials.ts";
import { needPermissions } from "./permissions.ts";

/** The part of a `Deno.ChildProcess` that is needed. */
interface DenoChild {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly status: Promise<{ readonly code: number; readonly signal: string | null }>;
}

/** The part of `Deno` that starts programs. */
interface DenoCommands {
  readonly Command: new (program: string, options: Readonly<Record<string, unknown>>) => { spawn(): DenoChild };
}

/**
 * The credentials that `docker login` has kept: `dockerCredentials` of `slipway/node`, with Deno's permissions. When a registry's credentials
 * are asked for it needs `--allow-env=DOCKER_CONFIG,HOME`, `--allow-read=FILE` for Docker's config file, and `--allow-run=docker-credential-NAME` if
 * that names a helper. They are needed, not only a help: without them a registry would refuse, and nobody would know why. podman's
 * file is looked at only where that is granted already.
 * @returns a provider that throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing, and what that of `slipway/node` throws
 */
export function dockerCredentials(options: DockerCredentialsOptions = {}): CredentialProvider {
  const { Deno } = globalThis as { readonly Deno?: DenoCommands | undefined };
  const run = Deno === undefined ? nodeHelperRunner(options.env) : denoHelperRunner(Deno, options.env);
  return dockerCredentialsBy(options, { need: needPermissions, run });
}

/** By `Deno.Command`, which passes the environment on without being allowed to read it: Deno's Node would have to. */
function denoHelperRunner({ Command }: DenoCommands, env: DockerCredentialsOptions["env"]): HelperRunner {
  return async (program, input, signal) => {
    const options = {
      args: ["get"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal,
      ...(env === undefined ? {} : { env, clearEnv: true }),
    };
    const child = new Command(program, options).spawn();
    const ended = Promise.all([
      textOf(child.stdout, OUTPUT_LIMIT),
      textOf(child.stderr, 4096),
      child.status,
      send(child.stdin, input),
    ]);
    const [output, complaints, { code, signal: by }] = await Promise.race([ended, aborted(signal)]);
    signal.throwIfAborted();
    return { code: by === null ? code : null, output, complaints };
  };
}

/** What the helper has started itself may hold its output open: an abort does not wait for that. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function send(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(`${input}\n`));
    await writer.close();
  } catch {
    // A helper that does not read what it is asked.
  }
}

/** The text of a stream; of what is longer than `limit` bytes a little more than that. */
async function textOf(stream: ReadableStream<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(stream)) {
    if (size <= limit) chunks.push(chunk);
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks).toString("utf8");
}
