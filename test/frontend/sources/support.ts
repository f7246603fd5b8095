import fc from "fast-check";
import { concatBytes } from "../../../src/bytes.ts";
import type { AddedEntries } from "../../../src/frontend/index.ts";
import type { WritableSnapshot } from "../../../src/snapshots/snapshotter.ts";
import type { Tree } from "../../../src/snapshots/tree.ts";
import { type Workbench, workbench } from "../../diff/support.ts";

/** The tree that an empty snapshot, or the one that `before` makes, has after a source was added. */
export async function treeAfter(
  add: (work: WritableSnapshot) => Promise<unknown>,
  before?: (work: WritableSnapshot) => Promise<void>,
): Promise<Tree> {
  const bench = workbench();
  const parent = before === undefined ? undefined : (await bench.make(before)).key;
  const { tree } = await bench.make(async (work) => void (await add(work)), parent);
  return tree;
}

/** What an attempt to add a source ends with. */
export async function failureOf(
  add: (work: WritableSnapshot) => Promise<AddedEntries>,
  before: (work: WritableSnapshot) => Promise<void> = async () => undefined,
): Promise<unknown> {
  const bench: Workbench = workbench();
  const { key } = await bench.make(before);
  const work = await bench.snapshots.prepare("work", key);
  return await add(work).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** All bytes that come. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return concatBytes(chunks);
}

/** A directory for properties: files, symlinks and directories by name. */
export interface RandomDirectory {
  readonly [name: string]: RandomFile | { readonly target: string } | RandomDirectory;
}

/** A file for properties. */
export interface RandomFile {
  readonly content: string;
  readonly mode: number;
}

const name = fc.oneof(
  fc.constantFrom("a", "b", "a-b", "a.b", "é", "Z", "\u{1f600}", "\uffee", "with space", "-", "%2e", "constructor"),
  fc
    .string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."abcxyzé漢. -_~#'\"") })
    .filter((text) => text !== "." && text !== ".." && !text.startsWith(".wh.")),
);

/** Directories of up to four levels. */
export const randomDirectory: fc.Arbitrary<RandomDirectory> = fc.letrec<{ directory: RandomDirectory }>((tie) => ({
  directory: fc.dictionary(
    name,
    fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.record({ content: fc.string({ maxLength: 300 }), mode: fc.constantFrom(0o644, 0o755, 0o600, 0o4711) }),
      fc.record({ target: fc.constantFrom("a", "../b", "/etc/passwd", "é") }),
      tie("directory"),
    ),
    { maxKeys: 5, noNullPrototype: true },
  ),
})).directory;

/** What is in such a directory, each before what is in it. */
export function* entriesOf(
  directory: RandomDirectory,
  path = "",
): Generator<{
  readonly path: string;
  readonly node: RandomFile | { readonly target: string } | "directory";
}> {
  for (const [entry, node] of Object.entries(directory)) {
    const at = path === "" ? entry : `${path}/${entry}`;
    if ("content" in node && typeof node.content === "string" && typeof node.mode === "number") {
      yield { path: at, node: { content: node.content, mode: node.mode } };
    } else if ("target" in node && typeof node.target === "string") {
      yield { path: at, node: { target: node.target } };
    } else {
      yield { path: at, node: "directory" };
      yield* entriesOf(node as RandomDirectory, at);
    }
  }
}

/** The tree that such a directory is, made with the snapshot's own methods. */
export async function writeRandom(work: WritableSnapshot, directory: RandomDirectory): Promise<void> {
  for (const { path, node } of entriesOf(directory)) {
    if (node === "directory") await work.mkdir(path);
    else if ("target" in node) await work.symlink(node.target, path);
    else await work.writeFile(path, node.content, { mode: node.mode });
  }
}
