import { lstatSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, sep } from "node:path";
import { SlipwayError } from "../../errors.ts";
import { type Digest, digestAlgorithm, digestHex, parseDigest } from "../../oci/digest.ts";
import { errnoOf, hostError } from "../host-error.ts";
import { syncDirectory } from "../write-file.ts";
import { makeDirectories, readIfThere, removeIfEmpty, removeIfThere, replaceFile } from "./files.ts";
import type { Locks } from "./locks.ts";

/** Where everything of a layout directory lies: what image-spec `image-layout.md` names, and Slipway's own under `.slipway`. */
export interface LayoutPaths {
  readonly root: string;
  readonly marker: string;
  readonly index: string;
  readonly blobs: string;
  readonly own: string;
  readonly ingests: string;
  readonly labels: string;
  readonly metadata: string;
  readonly leases: string;
  readonly locks: string;
  readonly temporary: string;
}

/** @param root absolute path of the layout directory */
export function layoutPaths(root: string): LayoutPaths {
  const own = join(root, ".slipway");
  return {
    root,
    marker: join(root, "oci-layout"),
    index: join(root, "index.json"),
    blobs: join(root, "blobs"),
    own,
    ingests: join(own, "ingests"),
    labels: join(own, "labels"),
    metadata: join(own, "metadata"),
    leases: join(own, "leases"),
    locks: join(own, "locks"),
    temporary: join(own, "tmp"),
  };
}

/** Path of a blob. A digest becomes a path only after it was checked (CVE-2024-3727). */
export function blobPath(paths: LayoutPaths, digest: Digest): { readonly directory: string; readonly name: string } {
  const checked = parseDigest(digest);
  return { directory: join(paths.blobs, digestAlgorithm(checked)), name: digestHex(checked) };
}

/** An index without entries, as bytes. */
export const EMPTY_INDEX: Uint8Array = new TextEncoder().encode(
  `${JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] }, null, 2)}\n`,
);

const MARKER = new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}');

/**
 * Checks that the directory is a layout, or makes it one if it is absent or empty and `create` allows it. The marker file comes
 * last: a directory that has it is whole.
 * @throws SlipwayError `NOT_FOUND`, `NOT_A_DIRECTORY`, `INVALID_ARCHIVE` if it holds something else, `UNSUPPORTED` for another version
 */
export async function openLayout(
  paths: LayoutPaths,
  options: { readonly create: boolean; readonly durable: boolean; readonly locks: Locks },
): Promise<void> {
  const { root } = paths;
  const marker = await readIfThere(paths.marker).catch((error: unknown) => {
    if (error instanceof SlipwayError && error.code === "NOT_A_DIRECTORY") throw notADirectory(root);
    throw error;
  });
  if (marker !== undefined) {
    checkMarker(marker, paths.marker);
    checkInside(paths);
    return;
  }
  const entries = namesIn(root);
  if (entries === undefined && !options.create) {
    throw new SlipwayError("NOT_FOUND", `Cannot open image layout ${root}: there is no such directory`);
  }
  // Somebody made it just now.
  if (entries?.includes("oci-layout")) return await openLayout(paths, options);
  // A process that was killed while it made the layout leaves a part of these.
  const foreign = (entries ?? []).filter((name) => name !== "blobs" && name !== "index.json" && name !== ".slipway");
  if (!options.create || foreign.length > 0) {
    throw new SlipwayError(
      "INVALID_ARCHIVE",
      `Cannot open image layout ${root}: it has no file oci-layout${foreign.length > 0 ? `, but other files (${foreign[0]})` : ""}`,
    );
  }
  try {
    makeDirectories(root);
  } catch (error) {
    throw hostError(error, `create ${root}`);
  }
  await options.locks.exclusive(INDEX_LOCK, () => completeLayout(paths, options.durable));
  checkInside(paths);
}

/** The lock under which `index.json` and the marker are written: an empty index must not replace one that has got a name meanwhile. */
export const INDEX_LOCK = "index";

/** Makes what a layout consists of, as far as it is not there. The caller holds {@link INDEX_LOCK}. */
export async function completeLayout(paths: LayoutPaths, durable: boolean): Promise<void> {
  // It came last.
  if ((await readIfThere(paths.marker)) !== undefined) return;
  const { root } = paths;
  const own = { directory: paths.temporary, name: INDEX_LOCK };
  try {
    makeDirectories(join(paths.blobs, "sha256"));
  } catch (error) {
    throw hostError(error, `create ${paths.blobs}`);
  }
  if ((await readIfThere(paths.index)) === undefined) {
    await replaceFile({ directory: root, name: "index.json" }, own, EMPTY_INDEX, durable);
  }
  await replaceFile({ directory: root, name: "oci-layout" }, own, MARKER, durable);
  if (durable) await syncDirectory(dirname(root));
}

/**
 * Removes a layout that nothing is in. The caller holds {@link INDEX_LOCK}, has seen that no image has a name and removes what is left
 * empty afterwards. Directories go only if they are empty, in one step with that look; if something came into one, the rest is made again.
 * Who has the layout open and names an image later makes it again, too.
 * @returns whether it is gone
 */
export async function removeEmptyLayout(paths: LayoutPaths, durable: boolean): Promise<boolean> {
  // Without it, it is no layout any more: one that a kill leaves half removed is taken for one half made.
  await removeIfThere(paths.marker);
  await removeIfThere(paths.index);
  for (const directory of [join(paths.blobs, "sha256"), join(paths.blobs, "sha512"), paths.blobs]) {
    await removeIfEmpty(directory);
  }
  if (statOf(paths.blobs) === undefined) return true;
  await completeLayout(paths, durable);
  return false;
}

/** Removes what is empty of what Slipway put beside the layout, so that a finished one has only what the spec names. */
export async function tidyLayout(paths: LayoutPaths, temporaries: readonly string[], locks: Locks): Promise<void> {
  for (const name of temporaries) {
    const path = join(paths.temporary, name);
    if (statOf(path) === undefined) continue;
    const lock = locks.tryAcquire(name);
    // Somebody writes it just now.
    if (lock === undefined) continue;
    await removeIfThere(path).finally(() => lock.release());
  }
  locks.tidy();
  for (const directory of [
    join(paths.labels, "sha256"),
    join(paths.labels, "sha512"),
    paths.labels,
    paths.ingests,
    paths.metadata,
    paths.leases,
    paths.temporary,
    paths.locks,
    paths.own,
  ]) {
    await removeIfEmpty(directory);
  }
}

function checkMarker(bytes: Uint8Array, path: string): void {
  let version: unknown;
  try {
    version = (JSON.parse(new TextDecoder().decode(bytes)) as { imageLayoutVersion?: unknown } | null)
      ?.imageLayoutVersion;
  } catch (error) {
    throw new SlipwayError("INVALID_ARCHIVE", `Cannot read ${path}: it is not JSON`, { cause: error });
  }
  if (typeof version !== "string") {
    throw new SlipwayError("INVALID_ARCHIVE", `Cannot read ${path}: it has no imageLayoutVersion`);
  }
  if (!version.startsWith("1.")) {
    throw new SlipwayError(
      "UNSUPPORTED",
      `Cannot read ${path}: image layout version ${JSON.stringify(version)} is not known`,
    );
  }
}

/** Whoever made the directory could have made any directory in it a link to another place: all must lie within the layout. */
function checkInside(paths: LayoutPaths): void {
  const root = realpathSync(paths.root);
  const { blobs, own, ingests, labels, metadata, leases, locks, temporary } = paths;
  const algorithms = [blobs, labels].flatMap((path) => [join(path, "sha256"), join(path, "sha512")]);
  for (const path of [blobs, own, ingests, labels, metadata, leases, locks, temporary, ...algorithms]) {
    if (statOf(path)?.isSymbolicLink()) mustBeWithin(root, path);
  }
}

/** @throws SlipwayError `INVALID_ARCHIVE` if a symlink leads out of the layout */
export function mustBeWithin(root: string, path: string): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw hostError(error, `read ${path}`);
  }
  if (real.startsWith(realpathSync(root) + sep)) return real;
  throw new SlipwayError("INVALID_ARCHIVE", `Cannot read ${path}: it is a symlink that leads out of the image layout`);
}

function namesIn(root: string): readonly string[] | undefined {
  try {
    return readdirSync(root);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    if (errnoOf(error) === "ENOTDIR") throw notADirectory(root);
    throw hostError(error, `open image layout ${root}`);
  }
}

const notADirectory = (root: string): SlipwayError =>
  new SlipwayError("NOT_A_DIRECTORY", `Cannot open image layout ${root}: it is not a directory`);

/** What is at a path itself, or undefined if nothing is. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw hostError(error, `read ${path}`);
  }
}
