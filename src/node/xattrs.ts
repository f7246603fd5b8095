import { spawn } from "node:child_process";
import { SlipwayError } from "../errors.ts";
import { isPortableXattr } from "../frontend/sources/xattrs.ts";
import { decodeName } from "../tar/names.ts";
import { errnoOf } from "./host-error.ts";
import { isGranted } from "./permission.ts";

/** How extended attributes are read. */
export interface ReadXattrsOptions {
  /** Which are kept, by name. Default {@link isPortableXattr}. */
  readonly filter?: ((name: string) => boolean) | undefined;
  /** Only those of these, by their paths in the directory. Default: of all that is in it. */
  readonly paths?: readonly string[] | undefined;
  /** Called with a sentence if some or all cannot be read. */
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The program to run. Default `getfattr`, from the PATH. */
  readonly program?: string | undefined;
  /** How it is run. Default: as Node runs programs. */
  readonly run?: ProgramRunner | undefined;
}

/**
 * Runs a program to its end and hands out what it writes, one character for each byte.
 * @throws the host's error if it cannot be started, the signal's reason, and what `onOutput` throws: either ends the program
 */
export type ProgramRunner = (
  program: string,
  args: readonly string[],
  onOutput: (text: string) => void,
  signal: AbortSignal | undefined,
) => Promise<ProgramEnd>;

/** How a program ended. */
export interface ProgramEnd {
  /** Exit status; null after a signal. */
  readonly code: number | null;
  /** The beginning of what it wrote to stderr. */
  readonly complaints: string;
}

/** Extended attributes by the path of what has them, relative to the directory that was read (empty for itself). */
export type XattrsByPath = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/** Longest line of `getfattr`: a value of 64 KiB in hex and a name. */
const LINE_LIMIT = 512 * 1024;

const HOW_TO_HAVE_THEM = "install getfattr (the package attr), or switch reading of xattrs off";

/**
 * Reads the extended attributes of a whole tree, with the program `getfattr`: no runtime has a call for it. Where it cannot be
 * run, a warning says so and nothing is read. Symlinks are not followed.
 * @param directory absolute, without symlinks
 * @throws the signal's reason
 */
export async function readXattrs(directory: string, options: ReadXattrsOptions = {}): Promise<XattrsByPath> {
  const { signal, onWarning, program = "getfattr", run = runByNode } = options;
  signal?.throwIfAborted();
  const parser = new GetfattrParser(directory, options.filter ?? isPortableXattr);
  const base = directory.endsWith("/") ? directory : `${directory}/`;
  const what =
    options.paths === undefined ? ["-R", "--", directory] : ["--", ...options.paths.map((path) => base + path)];
  const args = ["-h", "-P", "-d", "-m", "-", "-e", "hex", "--absolute-names", ...what];
  const failed = await run(program, args, (text) => parser.push(text), signal).then(complaintOf, (error: unknown) => {
    signal?.throwIfAborted();
    if (error instanceof SlipwayError && error.code !== "PERMISSION_DENIED") throw error;
    return `extended attributes were not read, as ${whyNot(program, error)}`;
  });
  if (failed !== undefined) onWarning?.(failed);
  return parser.found;
}

function complaintOf({ code, complaints }: ProgramEnd): string | undefined {
  if (code === 0) return undefined;
  return `some extended attributes could not be read: ${complaints.split("\n")[0] || `exit status ${code}`}`;
}

function whyNot(program: string, error: unknown): string {
  if (error instanceof SlipwayError) return `${error.message}, or switch reading of xattrs off`;
  const why = errnoOf(error) === "ENOENT" ? "is not installed" : "may not be run here";
  return `${program} ${why}: ${HOW_TO_HAVE_THEM}`;
}

/** @throws SlipwayError `PERMISSION_DENIED` where Deno would have to ask: how to give the permission */
const runByNode: ProgramRunner = async (program, args, onOutput, signal) => {
  // Deno's Node looks at the whole environment in order to pass it on.
  if (!isGranted({ name: "run", command: program }) || !isGranted({ name: "env" })) {
    throw new SlipwayError(
      "PERMISSION_DENIED",
      `${program} may not be run: give Deno --allow-run=${program} and --allow-env`,
    );
  }
  return await new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const stop = (reason: unknown): void => {
      child.kill();
      child.stdout.destroy();
      reject(reason);
    };
    const onAbort = (): void => stop(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    let complaints = "";
    // One character for each byte: names are bytes.
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      try {
        onOutput(text);
      } catch (error) {
        stop(error);
      }
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (complaints.length < 4096) complaints += text;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      signal?.removeEventListener("abort", onAbort);
      resolve({ code, complaints });
    });
  });
};

/** Takes the output of `getfattr -d -e hex` apart as it comes: `# file: NAME`, then a line `NAME=0xHEX` for each attribute. */
class GetfattrParser {
  readonly found = new Map<string, Map<string, Uint8Array>>();
  readonly #prefix: string;
  readonly #filter: (name: string) => boolean;
  #path = "";
  #rest = "";

  constructor(directory: string, filter: (name: string) => boolean) {
    this.#prefix = directory.endsWith("/") ? directory.slice(0, -1) : directory;
    this.#filter = filter;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_LIMIT) {
      throw new SlipwayError("IO", "Cannot read extended attributes: getfattr writes a line that is too long");
    }
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    const marker = "# file: ";
    if (line.startsWith(marker)) {
      this.#path = unquote(line.slice(marker.length)).slice(this.#prefix.length).replace(/^\/+/, "");
      return;
    }
    const equals = line.indexOf("=0x");
    if (equals <= 0) return;
    const name = unquote(line.slice(0, equals));
    if (!this.#filter(name)) return;
    const attributes = this.found.get(this.#path) ?? new Map<string, Uint8Array>();
    attributes.set(name, fromHex(line.slice(equals + 3)));
    this.found.set(this.#path, attributes);
  }
}

/** A name as getfattr writes it: `\ooo` stands for a byte in octal, every other character for itself. */
function unquote(text: string): string {
  const plain = text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return decodeName(Uint8Array.from(plain, (character) => character.charCodeAt(0)));
}

function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.byteLength; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
