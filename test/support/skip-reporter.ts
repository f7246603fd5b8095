import process from "node:process";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Says in one line each which tests were skipped; their names say why. With `SLIPWAY_REQUIRE_ALL=1` a skipped test fails the
 * run, however it came to be skipped.
 */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let count = 0;
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        count++;
        process.stdout.write(`skipped: ${module.relativeModuleId}: ${test.fullName}\n`);
      }
    }
    if (count > 0 && process.env.SLIPWAY_REQUIRE_ALL === "1") {
      process.stdout.write(`${count} tests were skipped, and SLIPWAY_REQUIRE_ALL=1 forbids it\n`);
      process.exitCode = 1;
    }
  }
}
