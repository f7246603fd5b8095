import { type BigIntStats, lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { compareBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { SourceFilter } from "../frontend/sources/options.ts";
import { errnoOf, hostError } from "./host-error.ts";

/** One entry of a real directory. */
export interface HostEntry {
  /** Where it is on the host. */
  readonly hostPath: string;
  /** Relative to the directory that is walked, without a leading `/`. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/** What U+FFFD is in UTF-8: Deno puts it in place of bytes that are not. */
const REPLACEMENT = "\ufffd";

/**
 * All entries of a directory in the order of a layer: bytewise by path with `/` lowest, whatever order the host has them in.
 * A directory that the filter leaves out comes all the same, before the first entry in it that is taken.
 * @throws SlipwayError `INVALID_PATH` for a name that is not UTF-8, `PERMISSION_DENIED`, `NOT_FOUND`, `IO`
 */
export async function* walkDirectory(
  root: string,
  filter: SourceFilter = () => true,
): AsyncGenerator<HostEntry, void, undefined> {
  const stack = [
    { hostPath: root, path: "", names: await namesOf(root), next: 0, entry: undefined as HostEntry | undefined },
  ];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names[top.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const hostPath = top.hostPath.endsWith("/") ? top.hostPath + name : `${top.hostPath}/${name}`;
    const path = top.path === "" ? name : `${top.path}/${name}`;
    const stats = statOf(hostPath, name);
    const entry = { hostPath, path, stats };
    const isDirectory = stats.isDirectory();
    const taken = filter(path, isDirectory);
    if (taken === true) {
      for (const parent of stack) {
        if (parent.entry !== undefined) yield parent.entry;
        parent.entry = undefined;
      }
      yield entry;
    }
    if (isDirectory && taken !== "skip-tree") {
      stack.push({ hostPath, path, names: await namesOf(hostPath), next: 0, entry: taken ? undefined : entry });
    }
  }
}

/** The names in a directory, in bytewise order. Read as bytes, for names that are not UTF-8 must not pass unnoticed. */
async function namesOf(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { encoding: "buffer" }).catch((error: unknown) => {
    throw hostError(error, `read the directory ${directory}`);
  });
  names.sort(compareBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return names.map((bytes, at) => {
    let name: string;
    try {
      name = decoder.decode(bytes);
    } catch {
      throw notUtf8(directory, bytes);
    }
    const before = names[at - 1];
    if (before !== undefined && compareBytes(before, bytes) === 0) throw notUtf8(directory, bytes);
    return name;
  });
}

/** A synchronous call: it takes a fraction of what a trip through the thread pool does. */
function statOf(hostPath: string, name: string): BigIntStats {
  try {
    return lstatSync(hostPath, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && name.includes(REPLACEMENT)) {
      throw notUtf8(hostPath.slice(0, -name.length - 1), new TextEncoder().encode(name));
    }
    throw hostError(error, `read ${hostPath}`);
  }
}

function notUtf8(directory: string, name: Uint8Array): SlipwayError {
  const shown = Array.from(name, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
  return new SlipwayError(
    "INVALID_PATH",
    `Cannot read ${directory}/${shown}: its name is not UTF-8; rename it or leave it out`,
  );
}
