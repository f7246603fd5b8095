import { describe, expect, it } from "vitest";
import { freeMemory } from "../../src/compress/free-memory.ts";

describe("memory that is freed", () => {
  it("is gone at once, by the engine's own means or without", () => {
    for (const transfer of [undefined, Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "transfer")]) {
      const bytes = new Uint8Array(1_000_000);
      if (transfer === undefined) Object.defineProperty(bytes.buffer, "transfer", { value: undefined });
      freeMemory(bytes.buffer);
      expect(bytes.byteLength).toBe(0);
    }
  });

  it("is really given back: more than the machine may have goes by", () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 200; count++) freeMemory(new Uint8Array(8_000_000).buffer);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
  });
});
