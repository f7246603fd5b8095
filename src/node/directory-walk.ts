import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { setImmediate as othersTurn } from "node:timers/promises";
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
  /** Path of the directory that it is in, empty for the one that is walked. */
  readonly parent: string;
  readonly name: string;
  readonly stats: BigIntStats;
}

/** A directory that is being walked. */
interface OpenDirectory {
  readonly hostPath: string;
  readonly path: string;
  readonly names: readonly string[];
  next: number;
  /** Itself, if the filter left it out and nothing in it has come yet. */
  entry: HostEntry | undefined;
}

/** What U+FFFD is in UTF-8: Deno puts it in place of bytes that are not. */
const REPLACEMENT = "\ufffd";

/** Calls that block, a few microseconds each, after which others get their turn: who aborts, or tells of progress. */
const CALLS_AT_ONCE = 512;

/** Names that sort by their UTF-16 as by their UTF-8, and are what they seem to be. */
const PLAIN = /^[^\ud800-\uffff]*$/;

/**
 * All entries of a directory in the order of a layer: bytewise by path with `/` lowest, whatever order the host has them in.
 * A directory that the filter leaves out comes all the same, before the first entry in it that is taken.
 * @param onListing told all names of each directory that is looked into
 * @throws SlipwayError `INVALID_PATH` for a name that is not UTF-8, `PERMISSION_DENIED`, `NOT_FOUND`, `IO`
 */
export async function* walkDirectory(
  root: string,
  filter: SourceFilter = () => true,
  onListing?: (path: string, names: readonly string[]) => void,
): AsyncGenerator<HostEntry, void, undefined> {
  const open = (hostPath: string, path: string, entry: HostEntry | undefined): OpenDirectory => {
    const names = namesOf(hostPath);
    onListing?.(path, names);
    return { hostPath, path, names, next: 0, entry };
  };
  const stack = [open(root, "", undefined)];
  let calls = 0;
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names[top.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const hostPath = top.hostPath.endsWith("/") ? top.hostPath + name : `${top.hostPath}/${name}`;
    const path = top.path === "" ? name : `${top.path}/${name}`;
    if (++calls % CALLS_AT_ONCE === 0) await othersTurn();
    const stats = statOf(hostPath, name);
    const entry = { hostPath, path, parent: top.path, name, stats };
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
      stack.push(open(hostPath, path, taken ? undefined : entry));
    }
  }
}

/** The names in a directory, in bytewise order. */
function namesOf(directory: string): readonly string[] {
  const names = listed(directory, () => readdirSync(directory));
  // The host puts U+FFFD in place of what is not UTF-8, which must not pass unnoticed; beyond it UTF-16 sorts otherwise.
  if (names.every((name) => PLAIN.test(name))) return names.sort();
  const bytes = listed(directory, () => readdirSync(directory, { encoding: "buffer" }));
  bytes.sort(compareBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return bytes.map((name, at) => {
    const before = bytes[at - 1];
    if (before !== undefined && compareBytes(before, name) === 0) throw notUtf8(directory, name);
    try {
      return decoder.decode(name);
    } catch {
      throw notUtf8(directory, name);
    }
  });
}

function listed<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw hostError(error, `read the directory ${directory}`);
  }
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
