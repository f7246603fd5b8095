import fc from "fast-check";
import type { FileStat, WritableSnapshot } from "../../../src/snapshots/snapshotter.ts";
import type { Operation } from "./oracle.ts";

/** What the oracle says of a node, too. */
export function describeStat({ node, links }: FileStat): unknown[] {
  return [node.type, node.mode, node.uid, node.gid, node.type === "file" ? node.size : 0, links];
}

/** Does an operation on a snapshot. */
export async function perform(work: WritableSnapshot, [name, ...args]: Operation): Promise<unknown> {
  const [first, second] = args.map(String) as [string, string];
  switch (name) {
    case "write":
      return await work.writeFile(first, second);
    case "read":
      return await work.readTextFile(first);
    case "mkdir":
      return await work.mkdir(first);
    case "symlink":
      return await work.symlink(first, second);
    case "link":
      return await work.link(first, second);
    case "mkfifo":
      return await work.mknod(first, "fifo");
    case "rename":
      return await work.rename(first, second);
    case "remove":
      return await work.remove(first, { recursive: args[1] === true });
    case "chmod":
      return await work.chmod(first, Number(args[1]));
    case "chown":
      return await work.chown(first, Number(args[1]), Number(args[2]), { followSymlinks: args[3] === true });
    case "stat":
      return describeStat(await work.stat(first));
    case "lstat":
      return describeStat(await work.lstat(first));
    case "readlink":
      return await work.readlink(first);
    case "freeze":
      await work.tree();
      return undefined;
    case "readdir":
      return await work.readdir(first);
    default:
      throw new Error(name);
  }
}

/** Few names, so that operations meet; ways through symlinks, `..` and slashes. */
const name = fc.constantFrom("a", "b", "c", "a", "b", "..", ".");
const path = fc
  .tuple(
    fc.constantFrom("/", "/", ""),
    fc.array(name, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("", "", "", "/"),
  )
  .map(([start, names, end]) => start + names.join("/") + end);
const mode = fc.integer({ min: 0, max: 0o777 });
const text = fc.string({ unit: "grapheme-ascii", maxLength: 5 });
const id = fc.integer({ min: 0, max: 70000 });

/** Anything that can be done to a filesystem; `freeze` asks for the tree, which must make no difference. */
export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("write"), path, text) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("mkdir"), path) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("symlink"), path, path) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("link"), path, path) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("rename"), path, path) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("mkfifo"), path) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("remove"), path, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("chmod"), path, mode) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("chown"), path, id, id, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("freeze")) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom("stat", "lstat", "readlink", "readdir", "read"), path) },
);
