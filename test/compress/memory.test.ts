import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { bundleScript } from "../support/bundle.ts";

const MIB = 1024 * 1024;

describe("the memory of gzip", () => {
  it("is bounded, however large the layer", async () => {
    const script = await bundleScript(fileURLToPath(new URL("./support/gzip-large.ts", import.meta.url)));
    const output = execFileSync(process.execPath, ["--max-old-space-size=64", script, "300"]).toString();
    const { size, arrayBuffers, heap } = JSON.parse(output) as Readonly<
      Record<"size" | "arrayBuffers" | "heap", number>
    >;
    // Three quarters of it do not shrink: what was kept of them would be seen.
    expect(size).toBeGreaterThan(220 * MIB);
    // What the engine has not collected yet is counted too; it does so each time when some tens of MiB have come.
    expect(arrayBuffers).toBeLessThan(140 * MIB);
    expect(heap).toBeLessThan(40 * MIB);
  });
});
