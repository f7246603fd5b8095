import fc from "fast-check";
import { afterAll, expect } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import type { FileStat, WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { itWith } from "../support/tools.ts";
import { openWork } from "./support/open.ts";
import { canChroot, FilesystemOracle, type Operation, type Outcome } from "./support/oracle.ts";

/** What Linux calls each of our errors. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  NOT_FOUND: ["ENOENT"],
  NOT_A_DIRECTORY: ["ENOTDIR"],
  IS_A_DIRECTORY: ["EISDIR", "EPERM"],
  NOT_EMPTY: ["ENOTEMPTY"],
  ALREADY_EXISTS: ["EEXIST"],
  SYMLINK_LOOP: ["ELOOP"],
  // `.`, `..` and the root cannot be removed or renamed; Linux has several words for that.
  INVALID_ARGUMENT: ["EINVAL", "EBUSY", "ENOTEMPTY"],
  FAILED_PRECONDITION: ["ENXIO"],
};

function describeStat({ node, links }: FileStat): unknown[] {
  return [node.type, node.mode, node.uid, node.gid, node.type === "file" ? node.size : 0, links];
}

async function perform(work: WritableSnapshot, [name, ...args]: Operation): Promise<unknown> {
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
    case "readdir":
      return await work.readdir(first);
    default:
      throw new Error(name);
  }
}

/** Writing makes missing parents, which `open(2)` does not, and `open(2)` does not even look where the path ends in a slash. */
async function comparable(work: WritableSnapshot, [name, path]: Operation): Promise<boolean> {
  if (name !== "write") return true;
  if (String(path).endsWith("/")) return false;
  try {
    const text = String(path);
    if (await work.exists(text)) return true;
    const parent = text.slice(0, text.lastIndexOf("/") + 1);
    if (parent !== "" && !(await work.exists(parent))) return false;
    await work.lstat(text);
    // A symlink to nothing, whose parents may be missing.
    return false;
  } catch (error) {
    return error instanceof SlipwayError;
  }
}

async function runHere(work: WritableSnapshot, operations: readonly Operation[]) {
  const done: Operation[] = [];
  const results: { value?: unknown; error?: string }[] = [];
  for (const operation of operations) {
    if (operation[0] === "freeze") await work.tree();
    if (operation[0] === "freeze" || !(await comparable(work, operation))) continue;
    done.push(operation);
    try {
      results.push({ value: (await perform(work, operation)) ?? null });
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      results.push({ error: error.code });
    }
  }
  return { done, results };
}

async function dump(work: WritableSnapshot): Promise<Pick<Outcome, "nodes" | "links">> {
  const tree = await work.tree();
  const nodes: unknown[] = [];
  for (const { path, node } of walkTree(tree)) {
    let more: string | null = null;
    if (node.type === "symlink") more = node.target;
    if (node.type === "file") more = await work.readTextFile(path);
    nodes.push([path, ...describeStat(await work.lstat(path)), more]);
  }
  return { nodes, links: [...tree.links.values()].sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1)) };
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

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("write"), path, text) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("mkdir"), path) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("symlink"), path, path) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("link"), path, path) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("rename"), path, path) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("mkfifo"), path) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("remove"), path, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("chmod"), path, mode) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("chown"), path, id, id, fc.boolean()) },
  // Done here only: it must make no difference.
  { weight: 1, arbitrary: fc.tuple(fc.constant("freeze")) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom("stat", "lstat", "readlink", "readdir", "read"), path) },
);

const oracle = canChroot() ? new FilesystemOracle() : undefined;
afterAll(() => oracle?.close());

itWith(
  oracle === undefined ? ["python3 with the right to chroot"] : ["python3"],
  "does what the kernel does",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: "max" }), async (operations) => {
        const work = await openWork();
        const here = await runHere(work, operations);
        const there = await oracle?.run(here.done);
        if (there === undefined) throw new Error("no oracle");
        here.results.forEach((result, i) => {
          const expected = there.results[i];
          const shown = JSON.stringify(here.done.slice(0, i + 1));
          if (result.error === undefined) {
            expect(result, shown).toEqual(expected);
            return;
          }
          // Of a symlink whose target ends in a slash, too.
          const slash = here.done[i]?.[0] === "write" && expected?.error === "EISDIR";
          if (slash) expect(["IS_A_DIRECTORY", "NOT_A_DIRECTORY", "SYMLINK_LOOP"], shown).toContain(result.error);
          else expect(CODES[result.error], `${shown} gave ${result.error}`).toContain(expected?.error);
        });
        expect(await dump(work)).toEqual({ nodes: there.nodes, links: there.links });
      }),
      { numRuns: Number(process.env.SLIPWAY_RUNS ?? 300) },
    );
  },
);
