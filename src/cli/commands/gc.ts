import type { Command } from "commander";
import { type CollectedGarbage, collectGarbage } from "../../content/index.ts";
import { removeLostBlobRecords } from "../../exporter/index.ts";
import { openDirectoryStore } from "../../node/index.ts";
import { UPLOAD_RECORDS } from "../../registry/index.ts";
import type { CliContext } from "../context.ts";
import { formatBytes } from "../format.ts";
import { defaultStore, exists } from "../host-paths.ts";

interface GcFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly store?: string;
}

/** What a killed build has left is thrown away after a day: nobody resumes it by then. */
const ABANDONED_AFTER_SECONDS = 24 * 60 * 60;

/** Registries forget an unfinished upload after a week, as Docker's does unless it is told otherwise. */
const UPLOADS_AFTER_SECONDS = 7 * 24 * 60 * 60;

/** What was removed, or would be. */
interface Collected extends CollectedGarbage {
  /** Keys of records of unfinished uploads. */
  readonly uploads: readonly string[];
}

/** `slipway gc` */
export function addGcCommand(program: Command, context: CliContext): void {
  program
    .command("gc")
    .description("Remove the blobs that no image of the store needs.")
    .option("--dry-run", "only say what would be removed")
    .option("--json", "print what was removed as JSON")
    .option("--store <dir>", "the store (default: $SLIPWAY_STORE, or the user's)")
    .action((flags: GcFlags) => collect(flags, context));
}

async function collect(flags: GcFlags, { stdout, env, signal }: CliContext): Promise<void> {
  const directory = flags.store ?? defaultStore(env);
  const dryRun = flags.dryRun === true;
  const { removed, bytes, ingests, uploads } =
    flags.store === undefined && !(await exists(directory))
      ? { removed: [], bytes: 0, ingests: [], uploads: [] }
      : await collectIn(directory, dryRun, signal);
  if (flags.json) {
    const blobs = removed.map(({ digest, size }) => ({ digest, size }));
    await stdout.write(`${JSON.stringify({ dryRun, removed: blobs, bytes, ingests, uploads }, undefined, 2)}\n`);
    return;
  }
  const lines = removed.map(({ digest, size }) => `${digest}  ${formatBytes(size)}\n`);
  const what = `${removed.length} ${removed.length === 1 ? "blob" : "blobs"}, ${formatBytes(bytes)}`;
  const unfinished = ingests.length + uploads.length;
  const more = unfinished === 0 ? "" : `, and ${unfinished} unfinished`;
  await stdout.write(`${lines.join("")}${dryRun ? "would remove" : "removed"} ${what}${more}\n`);
}

async function collectIn(directory: string, dryRun: boolean, signal: AbortSignal): Promise<Collected> {
  const store = await openDirectoryStore(directory, { create: false });
  try {
    const collected = await collectGarbage({
      content: store.content,
      roots: () => store.roots(),
      leases: store.leases,
      abandoned: store.abandonedIngests(ABANDONED_AFTER_SECONDS),
      dryRun,
      signal,
    });
    // Of all layers that are gone, not only of those that went now: a collection may have been killed here.
    if (!dryRun) await removeLostBlobRecords(store.metadata, store.content);
    return { ...collected, uploads: await store.removeOldRecords(UPLOAD_RECORDS, UPLOADS_AFTER_SECONDS, { dryRun }) };
  } finally {
    await store.close();
  }
}
