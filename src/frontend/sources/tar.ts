import { type ByteSource, blobSource, chunksOf, type ReopenableSource } from "../../bytes.ts";
import { decompress } from "../../compress/index.ts";
import { SlipwayError } from "../../errors.ts";
import type { WritableSnapshot } from "../../snapshots/snapshotter.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { readTar } from "../../tar/index.ts";
import { shown } from "./entry-name.ts";
import type { AddedEntries, SourceOptions } from "./options.ts";
import type { SourceNode } from "./source-node.ts";
import { addTree } from "./tree-adder.ts";
import { isPortableXattr } from "./xattrs.ts";

/** How a tar is read. */
export interface AddTarOptions extends SourceOptions {
  /** Which extended attributes are taken: `true` (default) the portable ones, `false` none, or by name. */
  readonly xattrs?: boolean | ((name: string) => boolean) | undefined;
  /** Most entries that it may have, directories that only paths in them imply among them. Default: no limit. */
  readonly entryLimit?: number | undefined;
  /** Most bytes that it may have when it is decompressed, and that its files, sparse ones expanded, may have together. Default: no limit. */
  readonly sizeLimit?: number | undefined;
}

/**
 * Adds what is in a tar to a snapshot: not a layer of an image, for which `applyLayer` is, but a tar of files, plain or compressed
 * with gzip, as of a project's sources. It is read once, as a stream. Files, directories, symlinks, hard links, FIFOs and device nodes
 * are taken with their modes and extended attributes. The attributes of the tar's root are not.
 *
 * A directory that the snapshot has already, also as a symlink to one, takes in the entries and stays as it is otherwise; anything
 * else is replaced, except that nothing but a directory comes in a directory's place. Of two entries of one name the last one
 * stands. A leading `/` means nothing. The tar need not be trusted: nothing in it comes out of `dest`, symlinks that it brings are
 * not followed, and a hard link can only name what the tar has brought before. If it fails, the snapshot has a part of it: remove it.
 * @throws SlipwayError `INVALID_TAR` also for a limit that is exceeded; `INVALID_COMPRESSION`; `UNSUPPORTED` for other compressions;
 *   `INVALID_PATH` for `..`, whiteouts, a path through a symlink of the tar, and hard links to what is not there; `IS_A_DIRECTORY`,
 *   `NOT_A_DIRECTORY`; all name the entry
 */
export async function addTar(
  work: WritableSnapshot,
  source: ByteSource | Blob | ReopenableSource,
  options: AddTarOptions = {},
): Promise<AddedEntries> {
  const { signal, xattrs = true, entryLimit, sizeLimit } = options;
  const wanted = xattrs === true ? isPortableXattr : xattrs === false ? () => false : xattrs;
  const limits = { sequential: true, lastStands: true, entryLimit, sizeLimit, limitCode: "INVALID_TAR" } as const;
  return await addTree(work, options, { name: "reading tar", ...limits }, async (adder) => {
    const tar = limited(decompress(bytesOf(source)), sizeLimit);
    for await (const entry of readTar(tar, { signal, limits: { entries: entryLimit } })) {
      await adder.add(entry.name, nodeOf(entry, wanted), `tar entry ${shown(entry.name)}`);
      if ([...(entry.pax?.keys() ?? [])].some((key) => key.startsWith("SCHILY.acl."))) {
        adder.warn(
          `tar entry ${shown(entry.name)} has an access control list, which an image cannot hold: it is left out`,
        );
      }
    }
  });
}

function bytesOf(source: ByteSource | Blob | ReopenableSource): ByteSource {
  if (source instanceof Blob) return blobSource(source).open();
  return "open" in source ? source.open() : source;
}

async function* limited(
  source: ByteSource,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of chunksOf(source)) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new SlipwayError("INVALID_TAR", `Cannot read tar: it has more than the ${limit} bytes that it may have`);
    }
    yield chunk;
  }
}

function nodeOf(entry: TarEntry, wanted: (name: string) => boolean): SourceNode {
  const { type, uid, gid, mtime, deviceMajor: major = 0, deviceMinor: minor = 0 } = entry;
  const kept = [...(entry.xattrs ?? [])].filter(([name]) => wanted(name));
  const attributes = {
    mode: entry.mode & 0o7777,
    uid,
    gid,
    mtime,
    ...(kept.length === 0 ? {} : { xattrs: new Map(kept) }),
  };
  switch (type) {
    case "file":
      return { type, attributes, content: entry.content(), size: entry.size };
    case "link":
      return { type, target: entry.linkName ?? "" };
    case "symlink":
      return { type, attributes, target: entry.linkName ?? "" };
    case "directory":
    case "fifo":
      return { type, attributes };
    default:
      return { type, attributes, major, minor };
  }
}
