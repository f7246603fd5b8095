import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect } from "vitest";
import { type TarHeader, writeTar } from "../../src/tar/index.ts";
import { formatPaxTime, isFieldRecord, SCHILY_XATTR } from "../../src/tar/pax.ts";
import { itWith } from "../support/tools.ts";
import { tarHeader } from "./support/arbitrary.ts";
import { type JsonHeader, toJson, unpercent } from "./support/json-header.ts";
import { collect, readAllEntries } from "./support/raw.ts";

/** What the script prints of an entry. */
interface PythonEntry extends Omit<JsonHeader, "mtime"> {
  readonly mtime: string;
  readonly content?: string;
}

const script = (name: string): string => fileURLToPath(new URL(`./support/${name}`, import.meta.url));
const python = (name: string, args: readonly string[], input: Uint8Array): Buffer =>
  execFileSync("python3", [script(name), ...args], { input, maxBuffer: 2 ** 30 });
const listed = (tar: Uint8Array): PythonEntry[] =>
  python("list.py", [], tar)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** A header and its content in the form of the script. Records that stand for fields are left out, xattrs are among the others. */
function asPython(header: TarHeader, content: Uint8Array): PythonEntry {
  const { xattrs, pax, mtimeNanoseconds = 0, ...json } = toJson(header);
  const attributes = Object.entries(xattrs ?? {}).map(([name, value]) => [SCHILY_XATTR + name, value]);
  return {
    userName: "",
    groupName: "",
    ...json,
    mtime: formatPaxTime(header.mtime, mtimeNanoseconds),
    pax: { ...pax, ...Object.fromEntries(attributes) },
    ...(header.type === "file" ? { content: createHash("sha256").update(content).digest("hex") } : {}),
  };
}

/** Without the records that stand for fields, and without the name of a directory's trailing slash. */
function comparable(entry: PythonEntry): PythonEntry {
  const records = Object.entries(entry.pax ?? {}).filter(
    ([key]) => key.startsWith(SCHILY_XATTR) || !isFieldRecord(key),
  );
  return { ...entry, pax: Object.fromEntries(records) };
}

describe("Python's tarfile", () => {
  itWith(["python3"], "reads the very headers and contents that we write", async () => {
    const headers = fc.sample(tarHeader, { numRuns: 400, seed: 20261124 });
    const entries = headers.map((header, i) => ({ header, content: new Uint8Array(header.size).fill(i) }));
    const read = listed(await collect(writeTar(entries)));
    expect(read).toHaveLength(entries.length);
    for (const [i, { header, content }] of entries.entries()) {
      const entry = read[i];
      if (entry === undefined) throw new Error("an entry is missing");
      expect(comparable(entry)).toEqual(asPython(header, content));
    }
  });

  for (const format of ["ustar", "gnu", "pax"]) {
    itWith(["python3"], `writes in the format ${format} what we read as it reads it`, async () => {
      const tar = python("make.py", [format], new Uint8Array(0));
      const theirs = listed(tar);
      const ours = await readAllEntries(tar);
      expect(ours.length).toBeGreaterThan(10);
      // The global header's comment is of the archive, but Python has it for each entry.
      const comment = (entry: PythonEntry): boolean => entry.pax?.comment === "of%20the%20archive";
      const expected = theirs.map((entry) => {
        const { comment: _, ...pax } = entry.pax ?? {};
        return normalTime(comparable(comment(entry) ? { ...entry, pax } : entry));
      });
      expect(ours.map(({ header, content }) => normalTime(asPython(header, content)))).toEqual(expected);
    });
  }
});

/** Python writes numbers with a fraction always. */
function normalTime(entry: PythonEntry): PythonEntry {
  return { ...entry, mtime: String(Number(Buffer.from(unpercent(entry.mtime)).toString())) };
}
