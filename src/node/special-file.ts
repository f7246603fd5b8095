import { execFile } from "node:child_process";
import { link, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SpecialNode } from "../snapshots/tree.ts";

/** Types in the words of `mknod`. */
const KINDS = { fifo: "p", char: "c", block: "b" } as const;

/**
 * Makes a FIFO or a device node with the `mknod` program, as no runtime has a call for it. It is made under a plain name beside
 * the tree and linked into its place: programs cannot be given names that are not UTF-8, and linking replaces nothing.
 * @param directory a directory on the same filesystem, for the plain name
 * @throws the host's error, for example that only root may
 */
export async function makeSpecialFile(
  directory: string,
  path: string | Buffer,
  type: keyof typeof KINDS,
  { major, minor }: Pick<SpecialNode, "major" | "minor">,
): Promise<void> {
  const scratch = await mkdtemp(join(directory, ".slipway-"));
  try {
    const plain = join(scratch, "node");
    const numbers = type === "fifo" ? [] : [String(major), String(minor)];
    await run("mknod", ["-m", "600", plain, KINDS[type], ...numbers]);
    await link(plain, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const run = (command: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile(command, args, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new Error(stderr.trim() || error.message, { cause: error }));
    });
  });
