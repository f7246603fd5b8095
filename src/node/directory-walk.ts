import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { setImmediate as othersTurn } from "node:timers/promises";
import { compareBytes } from "../bytes.ts";
import { SlipwayError } from "../errors.ts";
import type { SourceFilter } from "../frontend/sources/options.ts";
import { errnoOf, hostError } from "./host-error.ts";
import { isDirectoryAt } from "./stat-cache/file-stat.ts";
import type { RecordedFile } from "./stat-cache/part.ts";
import { type KnownFiles, type StatCache, sameNames } from "./stat-cache/stat-cache.ts";

/** One entry of a real directory. */
export interface HostEntry {
  /** Where it is on the host. */
  readonly hostPath: string;
  /** Relative to the directory that is walked, without a leading `/`. */
  readonly path: string;
  /** Path of the directory that it is in, empty for the one that is walked. */
  readonly parent: string;
  readonly name: string;
  /** Undefined: as it is recorded. */
  readonly stats: BigIntStats | undefined;
  /** What is recorded of it, if it is as it was then. */
  readonly recorded: RecordedFile | undefined;
  /** It is a directory in which all is as it was recorded, and stands for all of it. */
  readonly whole: KnownFiles | undefined;
}

/** A directory that is being walked. */
interface OpenDirectory {
  readonly hostPath: string;
  readonly path: string;
  readonly names: readonly string[];
  next: number;
  /** Itself, if nothing in it has come yet and it comes before that: the filter left it out, or it may turn out to be as it was recorded. */
  entry: HostEntry | undefined;
  /** What is recorded of it. */
  readonly known: KnownFiles | undefined;
  /** All in it was as recorded so far, and has not been handed out. */
  intact: boolean;
}

/** What U+FFFD is in UTF-8: Deno puts it in place of bytes that are not. */
const REPLACEMENT = "\ufffd";

/** Calls that block, a few microseconds each, after which others get their turn: who aborts, or tells of progress. */
const CALLS_AT_ONCE = 512;

/** Names that sort by their UTF-16 as by their UTF-8, and are what they seem to be. */
const PLAIN = /^[^\ud800-\uffff]*$/;

/**
 * All entries of a directory in the order of a layer: bytewise by path with `/` lowest, whatever order the host has them in.
 * A directory that the filter leaves out comes all the same, before the first entry in it that is taken. One in which all is taken and
 * as it is recorded comes after all of it was looked at, and stands for it.
 * @param statCache is told all names of each directory that is looked into; it knows those of one that is as it was recorded
 * @param take is given the entries; the next one comes when it is done
 * @throws SlipwayError `INVALID_PATH` for a name that is not UTF-8, `PERMISSION_DENIED`, `NOT_FOUND`, `IO`
 */
export async function walkDirectory(
  root: string,
  filter: SourceFilter | undefined,
  statCache: StatCache | undefined,
  take: (entry: HostEntry) => void | Promise<void>,
): Promise<void> {
  const open = (hostPath: string, path: string, names: readonly string[] = namesOf(hostPath)): OpenDirectory => {
    const known = statCache?.list(path, names);
    return { hostPath, path, names, next: 0, entry: undefined, known, intact: false };
  };
  const stack = [open(root, "")];
  /** Hands out an entry, before it what is above it and was held back. */
  const emit = async (entry: HostEntry): Promise<void> => {
    for (const parent of stack) {
      if (parent.entry === undefined || parent.intact) continue;
      const held = parent.entry;
      parent.entry = undefined;
      const taken = take(held);
      if (taken !== undefined) await taken;
    }
    const taken = take(entry);
    if (taken !== undefined) await taken;
  };
  /** Hands out what was held back, since something in the last directory is not as it was recorded. */
  const breakUp = async (): Promise<void> => {
    for (const directory of stack) {
      if (!directory.intact || directory.known === undefined) continue;
      directory.intact = false;
      // The last one is what is looked at now, or stands in the stack itself.
      const before = directory.known.names.slice(0, directory.next - 1);
      for (const [at, name] of before.entries())
        await emit(recordedEntry(directory, directory.known, name, at, statCache));
    }
  };
  let calls = 0;
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names[top.next++];
    if (name === undefined) {
      stack.pop();
      const { entry, known } = top;
      if (top.intact && entry !== undefined && stack.at(-1)?.intact === false) await emit({ ...entry, whole: known });
      continue;
    }
    const hostPath = top.hostPath.endsWith("/") ? top.hostPath + name : `${top.hostPath}/${name}`;
    const path = top.path === "" ? name : `${top.path}/${name}`;
    if (++calls % CALLS_AT_ONCE === 0) await othersTurn();
    const stats = statOf(hostPath, name);
    const at = top.known === undefined ? undefined : statCache?.find(top.known, name, stats);
    const recorded = at === undefined ? undefined : top.known?.files[at];
    const isDirectory = stats.isDirectory();
    const taken = filter === undefined ? true : filter(path, isDirectory);
    const isAsBefore = recorded !== undefined && taken === true;
    if (top.intact && isAsBefore && !isDirectory) continue;
    const entry = { hostPath, path, parent: top.path, name, stats, recorded, whole: undefined };
    const names = isDirectory && isAsBefore ? statCache?.recordedNames(path, hostPath, stats) : undefined;
    const child = isDirectory && taken !== "skip-tree" ? open(hostPath, path, names) : undefined;
    if (child?.known?.whole !== undefined && isAsBefore && sameNames(child.known.names, child.names)) {
      child.intact = true;
      child.entry = entry;
    } else {
      if (top.intact) await breakUp();
      if (taken === true) await emit(entry);
      else if (child !== undefined) child.entry = entry;
    }
    if (child !== undefined) stack.push(child);
  }
}

/** An entry of a directory by what is recorded of it. */
export function recordedEntry(
  { hostPath, path }: { readonly hostPath: string; readonly path: string },
  known: KnownFiles,
  name: string,
  at: number,
  statCache: StatCache | undefined,
): HostEntry {
  const recorded = known.files[at];
  const below = path === "" ? name : `${path}/${name}`;
  const isDirectory = recorded !== undefined && isDirectoryAt(recorded.words, recorded.at);
  return {
    hostPath: `${hostPath}/${name}`,
    path: below,
    parent: path,
    name,
    stats: undefined,
    recorded,
    whole: isDirectory ? statCache?.known(below) : undefined,
  };
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
