import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";

const ofTest: string[] = [];
const ofFile: string[] = [];

const make = (): string => mkdtempSync(join(tmpdir(), "slipway-test-"));

const removeAll = (directories: string[]): void => {
  for (const directory of directories.splice(0)) {
    // Whoever is not root cannot empty a directory that a test has closed.
    spawnSync("chmod", ["-R", "u+rwX", directory], { stdio: "ignore" });
    rmSync(directory, { recursive: true, force: true });
  }
};

if (process.env.VITEST === undefined) {
  // A measurement that uses the tests' engines.
  process.once("exit", () => removeAll([...ofTest, ...ofFile]));
} else {
  afterEach(() => removeAll(ofTest));
  afterAll(() => removeAll(ofFile));
}

/** A fresh directory, removed after the test. */
export function temporaryDirectory(): string {
  const directory = make();
  ofTest.push(directory);
  return directory;
}

/** A fresh directory, removed after the last test of the file. */
export function temporaryRoot(): string {
  const directory = make();
  ofFile.push(directory);
  return directory;
}
