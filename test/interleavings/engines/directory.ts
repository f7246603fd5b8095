// First.

import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryContentStore } from "../../../src/node/directory/blobs.ts";
import { IndexFileImages } from "../../../src/node/directory/index-file.ts";
import { Locks } from "../../../src/node/directory/locks.ts";
import { FileRecords } from "../../../src/node/directory/records.ts";
import { openDirectoryStore } from "../../../src/node/index.ts";
import { exclusive, isScheduled, step, type Touch } from "../scheduler.ts";
import type { Engine } from "../world.ts";
import { isReading } from "./patch-node.ts";

/** What a method touches, from what it is called with. */
type TouchOf = (first: unknown, name: string) => Touch;

/** Makes each call of these methods, on any object of the class, a step of the schedule. */
function yieldIn(prototype: object, methods: Readonly<Record<string, TouchOf>>): void {
  const all = prototype as Record<string, (...given: unknown[]) => unknown>;
  for (const [name, touch] of Object.entries(methods)) {
    const original = all[name];
    if (original === undefined) throw new Error(`There is no method ${name}`);
    const stepOf = (given: readonly unknown[]): Promise<void> => {
      const touched = touch(given[0], name);
      return step(`${name} ${touched.key}`, touched);
    };
    const isGenerator = original.constructor.name === "AsyncGeneratorFunction";
    all[name] = isGenerator
      ? async function* (this: unknown, ...given) {
          await stepOf(given);
          yield* original.apply(this, given) as AsyncIterable<unknown>;
        }
      : function (this: unknown, ...given) {
          // Outside of schedules some answer at once, and are asked to.
          if (!isScheduled()) return original.apply(this, given);
          return stepOf(given).then(() => original.apply(this, given));
        };
  }
}

const reads =
  (kind: string): TouchOf =>
  (first) => ({ key: `${kind} ${typeof first === "string" ? first : ""}`, writes: false });
const lists =
  (kind: string): TouchOf =>
  (first) => ({ key: `${kind} ${typeof first === "string" ? first : ""}*`, writes: false });
const ingest: TouchOf = (first) => {
  const ref = typeof first === "string" ? first : (first as { readonly ref: string }).ref;
  return { key: `ingest ${ref}`, writes: true };
};

// Changes are made under locks, the taking of which is a step.
yieldIn(DirectoryContentStore.prototype, {
  info: reads("blob"),
  list: lists("blob"),
  open: reads("blob"),
  readWhole: reads("blob"),
  writer: ingest,
  abort: ingest,
  status: ingest,
  statuses: lists("ingest"),
  tidy: lists("blob"),
});
yieldIn(IndexFileImages.prototype, { get: reads("index"), list: reads("index"), targets: reads("index") });
yieldIn(FileRecords.prototype, { get: reads("record"), keys: lists("record") });

const { exclusive: original } = Locks.prototype;
Locks.prototype.exclusive = function <T>(this: Locks, name: string, work: () => Promise<T>): Promise<T> {
  // Inside it is another place: the lock is had, and nothing is done yet.
  const held = async (): Promise<T> => {
    await step(`with ${name}`, { key: touchOf(name), writes: true });
    return await work();
  };
  return exclusive(name, () => original.call(this, name, held) as Promise<T>);
};

/** What is changed under a lock. */
function touchOf(lock: string): string {
  if (lock === "index") return "index ";
  if (lock === "blobs") return "blob *";
  if (lock === "metadata" || lock === "lease-records") return "record *";
  return `lock ${lock}`;
}

const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A layout that each actor opens for itself, as processes do. */
export const directory: Engine = {
  name: "directory",
  isBusy: isReading,
  async create() {
    const root = mkdtempSync(join(parent, "slipway-interleavings-"));
    const path = join(root, "store");
    cpSync(await empty(), path, { recursive: true });
    return {
      path,
      open: () => openDirectoryStore(path),
      async leftovers() {
        const left = readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
        // Labels are of blobs that are there.
        const blobs = new Set(left.filter((file) => file.startsWith("blobs/")));
        return left.filter(
          (file) =>
            !/^(?:oci-layout|index\.json|CACHEDIR\.TAG|\.slipway\/metadata\/.*)$/.test(file) &&
            !blobs.has(file.replace(/^\.slipway\/labels\//, "blobs/")),
        );
      },
      async close() {
        rmSync(root, { recursive: true, force: true });
      },
    };
  },
};

let template: Promise<string> | undefined;

function empty(): Promise<string> {
  template ??= (async () => {
    const path = mkdtempSync(join(parent, "slipway-interleavings-"));
    process.once("exit", () => rmSync(path, { recursive: true, force: true }));
    await (await openDirectoryStore(path)).close();
    return path;
  })();
  return template;
}
