import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect } from "vitest";
import { concatBytes } from "../../src/bytes.ts";
import { gzip } from "../../src/compress/index.ts";
import { temporaryRoot } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";
import { end, entry } from "../tar/support/raw.ts";
import { collect } from "./support/data.ts";
import { DEFLATE_LEVELS } from "./support/golden-inputs.ts";
import { cook, PART_KINDS, Random } from "./support/recipes.ts";

/** A file of each kind of contents, of several blocks in all, some of them stored. */
const tar = concatBytes([
  ...PART_KINDS.map((kind, i) =>
    entry({ name: kind }, cook([{ kind, size: 150_000 + i, seed: new Random(i).next(), parameter: 300 * i }])),
  ),
  entry(
    { name: "large" },
    cook([
      { kind: "text", size: 900_000, seed: 5, parameter: 2000 },
      { kind: "noise", size: 900_000, seed: 6, parameter: 0 },
    ]),
  ),
  end,
]);

/** Programs that decompress what is in a file, and how they are called. */
const READERS: Readonly<Record<string, readonly (readonly [program: string, ...args: string[]])[]>> = {
  "GNU gzip": [
    ["gzip", "-t"],
    ["gzip", "-dc"],
  ],
  zcat: [["zcat"]],
  pigz: [
    ["pigz", "-t"],
    ["pigz", "-dc"],
  ],
  libdeflate: [
    ["libdeflate-gzip", "-t"],
    ["libdeflate-gzip", "-dc"],
  ],
  "Python's gzip": [["python3", "-c", "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())"]],
  bsdtar: [["bsdtar", "-tzf"]],
  "GNU tar": [["tar", "-tzf"]],
};

describe("what gzip writes", () => {
  let paths: readonly string[] = [];

  beforeAll(async () => {
    const directory = temporaryRoot();
    paths = await Promise.all(
      DEFLATE_LEVELS.map(async (level) => {
        const path = join(directory, `level-${level}.tar.gz`);
        writeFileSync(path, await collect(gzip(tar, { level })));
        return path;
      }),
    );
  });

  for (const [name, calls] of Object.entries(READERS)) {
    itWith(
      calls.slice(0, 1).map(([program]) => program),
      `is read by ${name}, at every level`,
      () => {
        expect(paths.length).toBe(9);
        for (const [program, ...args] of calls) {
          for (const path of paths) {
            const output = execFileSync(program, [...args, path], {
              maxBuffer: 2 ** 30,
              stdio: ["ignore", "pipe", "pipe"],
            });
            if (args.includes("-t")) continue;
            if (args.includes("-tzf")) expect(output.toString().trim().split("\n")).toEqual([...PART_KINDS, "large"]);
            else expect(Buffer.compare(output, tar)).toBe(0);
          }
        }
      },
    );
  }
});
