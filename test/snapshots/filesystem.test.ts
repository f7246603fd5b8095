import fc from "fast-check";
import { afterAll, expect } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import type { WritableSnapshot } from "../../src/snapshots/snapshotter.ts";
import { walkTree } from "../../src/snapshots/walk.ts";
import { itWith } from "../support/tools.ts";
import { openWork } from "./support/open.ts";
import { anyOperation, describeStat, perform } from "./support/operations.ts";
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
    if (operation[0] === "freeze") await perform(work, operation);
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

const oracle = canChroot() ? new FilesystemOracle() : undefined;
afterAll(() => oracle?.close());

itWith(
  oracle === undefined ? ["python3 with the right to chroot"] : ["python3"],
  "does what the kernel does",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyOperation, { minLength: 5, maxLength: 40, size: "max" }), async (operations) => {
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
