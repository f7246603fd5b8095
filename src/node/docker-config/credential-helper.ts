import { SlipwayError } from "../../errors.ts";
import type { RegistryCredentials } from "../../registry/credentials.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { type HelperEnd, type HelperRunner, OUTPUT_LIMIT } from "./run-helper.ts";

/** What a helper says of a registry that it does not know. It is not an error, and says so by exit status 1. */
const NOT_FOUND = "credentials not found in native keychain";

/** The user name that marks an identity token. */
const TOKEN_USER = "<token>";

/** One question to a credential helper. */
export interface HelperQuestion {
  /** `NAME` of `docker-credential-NAME`. */
  readonly name: string;
  /** As `docker login` called the registry. */
  readonly server: string;
  /** The config file that names the helper, for messages. */
  readonly file: string;
  readonly run: HelperRunner;
  /** Seconds. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks a program that keeps credentials: `docker-credential-NAME get`, with the server on its standard input (docker-credential-helpers'
 * protocol).
 * @returns undefined if it has none for the server
 * @throws SlipwayError `FAILED_PRECONDITION` if it is not installed, `PERMISSION_DENIED`, `INVALID_DOCUMENT` if it answers something else,
 *   `IO` if it fails or takes too long; the signal's reason
 */
export async function askHelper(question: HelperQuestion): Promise<RegistryCredentials | undefined> {
  const { name, server, run, timeout, signal } = question;
  const program = `docker-credential-${name}`;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  // Not by `AbortSignal.timeout`, which cannot be taken back and keeps Deno waiting for it.
  const timer = setTimeout(() => stop.abort(), timeout * 1000);
  let end: HelperEnd;
  try {
    end = await run(program, server, stop.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (stop.signal.aborted) throw failure("IO", question, `${program} did not answer within ${timeout} seconds`);
    throw notStarted(error, program, question);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  if (end.code === 0) return credentialsOf(end.output, program, question);
  if (end.output.trim() === NOT_FOUND) return undefined;
  throw failure("IO", question, `${program} failed${saying(end)}`);
}

function notStarted(error: unknown, program: string, question: HelperQuestion): SlipwayError {
  if (errnoOf(error) === "ENOENT" || (error instanceof Error && error.name === "NotFound")) {
    const remedy = `install it, or take it out of ${question.file} and log in again`;
    return failure("FAILED_PRECONDITION", question, `${program} is not installed; ${remedy}`, error);
  }
  return hostError(error, `${doing(question)}: run ${program}`);
}

function credentialsOf(output: string, program: string, question: HelperQuestion): RegistryCredentials | undefined {
  const bad = (reason: string): SlipwayError => failure("INVALID_DOCUMENT", question, `${program} answered ${reason}`);
  if (output.length > OUTPUT_LIMIT) throw bad(`more than ${OUTPUT_LIMIT} bytes`);
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    // Without a cause, which would show some of it.
    throw bad("something that is not JSON");
  }
  const { Username: username = "", Secret: secret = "" } = (answer ?? {}) as { Username?: unknown; Secret?: unknown };
  if (typeof username !== "string" || typeof secret !== "string") throw bad("without Username and Secret");
  if (username === TOKEN_USER) return { identityToken: secret };
  return username === "" && secret === "" ? undefined : { username, password: secret };
}

/** What a helper complains of, its first line. Helpers print errors to stdout; what might hold a secret is not repeated. */
function saying({ code, output, complaints }: HelperEnd): string {
  const [line = ""] = (complaints.trim() || output.trim()).split("\n");
  const said = /[{}]|secret|passw|token/i.test(line) ? "" : line.slice(0, 200).trim();
  return said === "" ? ` with exit status ${code}` : `: ${said}`;
}

const doing = ({ server }: HelperQuestion): string => `get the credentials for ${server}`;

const failure = (
  code: "FAILED_PRECONDITION" | "INVALID_DOCUMENT" | "IO",
  question: HelperQuestion,
  reason: string,
  cause?: unknown,
): SlipwayError =>
  new SlipwayError(
    code,
    `Cannot ${doing(question)}: the credential helper ${reason}`,
    cause === undefined ? {} : { cause },
  );
