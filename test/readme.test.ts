import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const examples = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```js\n([\s\S]*?)```/g)].map(
  ([, code]) => code ?? "",
);

describe("the examples of the README", () => {
  // Inside of the project, so that `slipway` resolves to the package itself, as it does for a user.
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(root, "out-readme-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("are there", () => {
    expect(examples.length).toBeGreaterThanOrEqual(2);
  });

  for (const [index, code] of examples.entries()) {
    it(`example ${index + 1} runs as it is printed`, () => {
      const file = join(directory, `example-${index}.mjs`);
      writeFileSync(file, code.replaceAll("out/layout", join(directory, "layout")));
      const result = spawnSync("node", [file], { cwd: root, encoding: "utf8" });
      expect(result.stderr).toBe("");
      expect(result.status).toBe(0);
      expect(result.stdout).toMatch(/sha256:[0-9a-f]{64}\n$/);
    });
  }
});
