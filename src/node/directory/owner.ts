import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { errnoOf } from "../host-error.ts";
import { isGranted } from "../permission.ts";

/** Who holds a lock: enough to tell later whether that process still lives. */
export interface Owner {
  readonly pid: number;
  /** When the process started, in the host's ticks: another process that got the same pid has another. Empty if unknown. */
  readonly started: string;
  /** Host and PID namespace: pids of another one say nothing here. */
  readonly host: string;
  /** Changes when the host boots. Empty if unknown. */
  readonly boot: string;
}

let self: Owner | undefined;

/** This process. */
export function thisProcess(): Owner {
  self ??= {
    pid: process.pid,
    started: processOf(process.pid)?.started ?? "",
    host: `${orEmpty(ownHostname)} ${orEmpty(() => readlinkSync(readable("/proc/self/ns/pid")))}`.trim(),
    boot: orEmpty(() => readFileSync(readable("/proc/sys/kernel/random/boot_id"), "latin1").trim()),
  };
  return self;
}

/**
 * Whether the owner is known to be gone: its host was booted since, its pid is free, or its pid went to a later process. Of
 * another host nothing is known: its owners count as alive.
 */
export function isGone(owner: Owner): boolean {
  const here = thisProcess();
  if (owner.host !== here.host) return false;
  if (owner.boot !== here.boot && owner.boot !== "" && here.boot !== "") return true;
  try {
    if (isGranted({ name: "run" })) process.kill(owner.pid, 0);
  } catch (error) {
    // Not permitted: it is there.
    return errnoOf(error) === "ESRCH";
  }
  const found = processOf(owner.pid);
  if (found === undefined) return false;
  return found.ended || (owner.started !== "" && found.started !== owner.started);
}

/** What `/proc` says of a process; undefined if there is none of that pid, or no `/proc` that may be read. */
function processOf(pid: number): { readonly started: string; readonly ended: boolean } | undefined {
  try {
    const stat = readFileSync(readable(`/proc/${pid}/stat`), "latin1");
    // The second field is the program's name in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0] ?? "";
    return { started: fields[19] ?? "", ended: state === "Z" || state === "X" };
  } catch {
    return undefined;
  }
}

function ownHostname(): string {
  return isGranted({ name: "sys", kind: "hostname" }) ? hostname() : "";
}

/** The path, if it may be read without asking anybody. */
function readable(path: string): string {
  if (!isGranted({ name: "read", path })) throw new Error(`no permission to read ${path}`);
  return path;
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
