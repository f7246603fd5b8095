import { spawn } from "node:child_process";
import { encodeName } from "../tar/names.ts";
import { errnoOf } from "./host-error.ts";
import { isGranted } from "./permission.ts";

/** The extended attributes that files are to have. */
export interface FileXattrs {
  /** Relative to the root, without a leading slash. Empty for the root itself. */
  readonly path: string;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/**
 * Sets extended attributes with one run of the program `setfattr`: no runtime has a call for it. Symlinks are not followed.
 * @param program default `setfattr`, from the PATH
 * @returns what could not be set and why, in one sentence; undefined if all was
 */
export async function writeXattrs(
  root: string,
  files: readonly FileXattrs[],
  options: { readonly signal?: AbortSignal | undefined; readonly program?: string | undefined } = {},
): Promise<string | undefined> {
  const { signal, program = "setfattr" } = options;
  signal?.throwIfAborted();
  if (files.length === 0) return undefined;
  if (!isGranted({ name: "run", command: program }) || !isGranted({ name: "env" })) {
    return `extended attributes were not set on ${files.length} files, as ${program} may not be run: give Deno --allow-run=${program} and --allow-env`;
  }
  try {
    const complaints = await run(program, root, files.map(dump).join("\n"), signal);
    return complaints === undefined ? undefined : `some extended attributes were not set: ${complaints}`;
  } catch (error) {
    signal?.throwIfAborted();
    const why = errnoOf(error) === "ENOENT" ? `${program} is not installed` : `${program} may not be run here`;
    return `extended attributes were not set on ${files.length} files, as ${why}`;
  }
}

/** The form that `getfattr --dump` writes and `setfattr --restore` reads. */
function dump({ path, xattrs }: FileXattrs): string {
  const lines = [...xattrs].map(([name, value]) => {
    const hex = Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${quote(name)}=${hex === "" ? '""' : `0x${hex}`}\n`;
  });
  return `# file: ${quote(path === "" ? "." : `./${path}`)}\n${lines.join("")}`;
}

/** Every byte that could be taken for something else in octal. */
function quote(name: string): string {
  return Array.from(encodeName(name), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9_.,:/-]/.test(character) ? character : `\\${byte.toString(8).padStart(3, "0")}`;
  }).join("");
}

function run(
  program: string,
  cwd: string,
  input: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["-h", "--restore=-"], { cwd, stdio: ["pipe", "ignore", "pipe"], signal });
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaints = (complaints + text).slice(0, 1000);
    });
    // It may end before it has read everything; its status says how it went.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(undefined);
      else resolve(complaints.trim().replaceAll(`${program}: `, "").replaceAll("\n", "; ") || `status ${status}`);
    });
  });
}
