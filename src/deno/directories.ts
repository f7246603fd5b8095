import { dirname, resolve } from "node:path";
import type { ByteSource } from "../bytes.ts";
import type { ContentStore } from "../content/store.ts";
import { type AddDirectoryOptions, type AddedDirectory, addDirectoryBy } from "../node/directory-source.ts";
import * as stores from "../node/directory-store.ts";
import type { Permission } from "../node/permission.ts";
import * as files from "../node/write-file.ts";
import * as rootfs from "../node/write-rootfs.ts";
import type { WritableSnapshot } from "../snapshots/snapshotter.ts";
import type { Tree } from "../snapshots/tree.ts";
import { needPermissions } from "./permissions.ts";
import { type DenoCommands, denoRunner } from "./run-program.ts";

const read = (path: string): Permission => ({ name: "read", path: resolve(path) });
const write = (path: string): Permission => ({ name: "write", path: resolve(path) });

/**
 * Opens an OCI image layout directory as content, image and metadata store: `openDirectoryStore` of `slipway/node`, with Deno's
 * permissions. Needs `--allow-read=DIRECTORY --allow-write=DIRECTORY`; with `create: false` and as long as nothing is written only
 * the first. `--allow-sys=hostname` and `--allow-read=/proc` (which Deno may refuse for some files) only help to find out that the owner
 * of a lock is gone: without them the lock of a killed process has to be removed by hand, as the error then says.
 * @throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing, and what `openDirectoryStore` of `slipway/node` throws
 */
export async function openDirectoryStore(
  directory: string,
  options: stores.DirectoryStoreOptions = {},
): Promise<stores.DirectoryStore> {
  const needed = options.create === false ? [read(directory)] : [read(directory), write(directory)];
  await needPermissions(`open the image layout ${directory}`, needed);
  return await stores.openDirectoryStore(directory, options);
}

/**
 * A store in a fresh directory, removed by `close`. Needs `--allow-read=PARENT --allow-write=PARENT`, and to find out which directory the
 * host has for temporary files, where none is given, `--allow-env=TMPDIR,TMP,TEMP`.
 * @throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing, `NO_SPACE`, `NOT_FOUND`, `IO`
 */
export async function openTemporaryStore(options: stores.TemporaryStoreOptions = {}): Promise<stores.DirectoryStore> {
  const doing = "open a temporary store";
  const variables = options.parent === undefined ? ["TMPDIR", "TMP", "TEMP"] : [];
  await needPermissions(
    doing,
    variables.map((variable): Permission => ({ name: "env", variable })),
  );
  const parent = options.parent ?? stores.temporaryFiles();
  await needPermissions(doing, [read(parent), write(parent)]);
  return await stores.openTemporaryStore({ ...options, parent });
}

/**
 * Adds what is in a real directory to a snapshot: `addDirectory` of `slipway/node`, with Deno's permissions. Needs
 * `--allow-read=DIRECTORY`; extended attributes are read if `--allow-run=getfattr` is granted, and otherwise one warning says that
 * they were not. Nobody is asked for the latter.
 * @throws SlipwayError `PERMISSION_DENIED` naming the flag that is missing, and what `addDirectory` of `slipway/node` throws
 */
export async function addDirectory(
  work: WritableSnapshot,
  hostDirectory: string,
  options: AddDirectoryOptions = {},
): Promise<AddedDirectory> {
  options.signal?.throwIfAborted();
  await needPermissions(`read the directory ${hostDirectory}`, [read(hostDirectory)]);
  const { Deno } = globalThis as { readonly Deno?: DenoCommands | undefined };
  return await addDirectoryBy(work, hostDirectory, options, Deno && denoRunner(Deno));
}

/**
 * Writes a file so that its path holds the old file or the whole new one: `writeFileAtomically` of `slipway/node`, with Deno's
 * permissions. Needs `--allow-read=DIRECTORY --allow-write=DIRECTORY` for the directory of the file: the bytes go into a temporary file
 * beside it, which is renamed.
 * @returns bytes written
 * @throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing, and what `writeFileAtomically` of `slipway/node` throws
 */
export async function writeFileAtomically(
  path: string,
  source: ByteSource,
  options: files.WriteFileOptions = {},
): Promise<number> {
  options.signal?.throwIfAborted();
  const directory = dirname(path);
  await needPermissions(`write ${path}`, [read(directory), write(directory)]);
  return await files.writeFileAtomically(path, source, options);
}

/**
 * Writes a tree as real files: `writeRootfs` of `slipway/node`, with Deno's permissions. Needs `--allow-read=DIRECTORY
 * --allow-write=DIRECTORY`; Deno makes symlinks only with both `--allow-read` and `--allow-write` without a directory, and extended
 * attributes are set only with `--allow-run=setfattr --allow-env`. With `--allow-sys=uid,gid` the caller's own files are not counted
 * among those of others.
 * @returns how much was left out
 * @throws SlipwayError `PERMISSION_DENIED` naming the flags that are missing, and what `writeRootfs` of `slipway/node` throws
 */
export async function writeRootfs(
  tree: Tree,
  content: ContentStore,
  directory: string,
  options: rootfs.WriteRootfsOptions = {},
): Promise<rootfs.RootfsOmissions> {
  options.signal?.throwIfAborted();
  await needPermissions(`write into ${directory}`, [read(directory), write(directory)]);
  return await rootfs.writeRootfs(tree, content, directory, options);
}
