import type { Command } from "commander";
import { listImages } from "../../archive/index.ts";
import { openDirectoryStore } from "../../node/index.ts";
import { formatPlatform } from "../../oci/index.ts";
import type { CliContext } from "../context.ts";
import { displayWidth, formatBytes, pad, padLeft, printable, shortDigest } from "../format.ts";
import { defaultStore, exists } from "../host-paths.ts";
import { createStyle, wantsColours } from "../style.ts";
import { shortName } from "../summary.ts";

interface LsFlags {
  readonly json?: boolean;
  readonly store?: string;
}

/** A line of the list. */
interface ListedImage {
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly platforms: readonly string[];
  /** Bytes of all its blobs, each counted once. */
  readonly size: number;
}

/** `slipway ls` */
export function addLsCommand(program: Command, context: CliContext): void {
  program
    .command("ls")
    .description("List the images of the store.")
    .option("--json", "print the list as JSON")
    .option("--store <dir>", "the store (default: $SLIPWAY_STORE, or the user's)")
    .action((flags: LsFlags) => list(flags, context));
}

async function list(flags: LsFlags, { stdout, env, signal }: CliContext): Promise<void> {
  const directory = flags.store ?? defaultStore(env);
  // Nothing was built yet: an empty list, unless somebody named a store that is not there.
  const images = flags.store === undefined && !(await exists(directory)) ? [] : await imagesOf(directory, signal);
  if (flags.json) {
    await stdout.write(`${JSON.stringify(images, undefined, 2)}\n`);
    return;
  }
  const style = createStyle(wantsColours(stdout, env));
  const rows = images.map(({ name, digest, platforms, size }) => [
    printable(shortName(name)),
    shortDigest(digest as `sha256:${string}`),
    formatBytes(size),
    platforms.join(", "),
  ]);
  await stdout.write(table([["NAME", "DIGEST", "SIZE", "PLATFORMS"], ...rows], style.dim));
}

async function imagesOf(directory: string, signal: AbortSignal): Promise<readonly ListedImage[]> {
  const store = await openDirectoryStore(directory, { create: false });
  try {
    const listed: ListedImage[] = [];
    for (const { descriptor, names, manifests } of await listImages(store, { signal })) {
      const sizes = new Map([[descriptor.digest, descriptor.size]]);
      for (const { descriptor: manifest, config, layers } of manifests) {
        for (const { digest, size } of [manifest, config, ...layers]) sizes.set(digest, size);
      }
      const platforms = manifests.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]));
      const size = [...sizes.values()].reduce((sum, one) => sum + one, 0);
      for (const name of names)
        listed.push({ name, digest: descriptor.digest, mediaType: descriptor.mediaType, platforms, size });
    }
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  } finally {
    await store.close();
  }
}

/** Columns as wide as their widest cell, the third one flush right. */
function table(rows: readonly (readonly string[])[], dim: (text: string) => string): string {
  const width = (column: number): number => Math.max(...rows.map((row) => displayWidth(row[column] ?? "")));
  return rows
    .map((row, index) => {
      const cells = row.map((cell, at) =>
        at === row.length - 1 ? cell : at === 2 ? padLeft(cell, width(at)) : pad(cell, width(at)),
      );
      const line = cells.join("   ");
      return `${index === 0 ? dim(line) : line}\n`;
    })
    .join("");
}
