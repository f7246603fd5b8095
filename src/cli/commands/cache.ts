import type { Command } from "commander";
import { cachePlace, openCache } from "../cache-directory.ts";
import { shrinkCache } from "../cache-limit.ts";
import { CACHE_DIR } from "../common-flags.ts";
import type { CliContext } from "../context.ts";
import { formatBytes, parseBytes, printable } from "../format.ts";
import { exists } from "../host-paths.ts";

interface CacheFlags {
  readonly cacheDir?: string;
  readonly json?: boolean;
}

interface PruneFlags extends CacheFlags {
  readonly keepBytes?: string;
}

/** `slipway cache`, `slipway cache prune` */
export function addCacheCommand(program: Command, context: CliContext): void {
  const cache = program.command("cache").description("Show or empty what slipway build keeps for the next build.");
  cache
    .command("info", { isDefault: true })
    .description("show where the cache is and how large")
    .option("--json", "print it as JSON")
    .option("--cache-dir <dir>", CACHE_DIR)
    .action((flags: CacheFlags) => info(flags, context));
  cache
    .command("prune")
    .description("empty the cache, or make it smaller: what was used longest ago goes first")
    .option("--keep-bytes <size>", "keep that much: 500MB, 2GB, …", "0")
    .option("--json", "print what was removed as JSON")
    .option("--cache-dir <dir>", CACHE_DIR)
    .action((flags: PruneFlags) => prune(flags, context));
}

async function info(flags: CacheFlags, { stdout, env }: CliContext): Promise<void> {
  const place = cachePlace(flags.cacheDir, env);
  const { directory } = place;
  let blobs = 0;
  let bytes = 0;
  if (await exists(directory)) {
    const store = await openCache(place);
    for await (const { size } of store.content.list()) {
      blobs++;
      bytes += size;
    }
    await store.close();
  }
  await stdout.write(
    flags.json
      ? `${JSON.stringify({ directory, blobs, bytes }, undefined, 2)}\n`
      : `${printable(directory)}  ${blobs} ${blobs === 1 ? "blob" : "blobs"}, ${formatBytes(bytes)}\n`,
  );
}

async function prune(flags: PruneFlags, { stdout, env, signal }: CliContext): Promise<void> {
  const limit = parseBytes(flags.keepBytes ?? "0", "--keep-bytes");
  const place = cachePlace(flags.cacheDir, env);
  let bytes = 0;
  if (await exists(place.directory)) {
    const store = await openCache(place);
    bytes = await shrinkCache(store, limit, { signal });
    // With nothing kept, what was learned of files goes too, and all else.
    if (limit === 0) for (const key of await store.metadata.keys("")) await store.metadata.delete(key);
    await store.close();
  }
  await stdout.write(flags.json ? `${JSON.stringify({ bytes }, undefined, 2)}\n` : `removed ${formatBytes(bytes)}\n`);
}
