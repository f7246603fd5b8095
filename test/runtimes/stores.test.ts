import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runIn } from "../support/runtimes.ts";

const script = fileURLToPath(new URL("./stores.ts", import.meta.url));

describe("the stores", () => {
  it.each(["deno", "bun"] as const)("keep to their contracts in %s", async (runtime) => {
    const { status, stdout, stderr } = await runIn(runtime, script);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^\d\d+ passed, 0 failed\n$/);
    expect(status).toBe(0);
  });
});
