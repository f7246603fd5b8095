import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    pool: "forks",
    // Most of the time goes to waiting for browsers, runtimes and daemons.
    maxWorkers: Math.max(availableParallelism(), 2) + 1,
    reporters: ["default", "./test/support/skip-reporter.ts"],
  },
});

export default config;
