import fc from "fast-check";
import { expect, it } from "vitest";
import { Column, DigestTable } from "../../src/content/digest-table.ts";
import type { Digest } from "../../src/oci/digest.ts";

// Digests that begin alike lie side by side in the table.
const digest = fc
  .tuple(fc.constantFrom("00000000", "00000001", "ffffffff"), fc.nat(12), fc.boolean())
  .map(([start, rest, long]): Digest => {
    const hex = `${start}${rest.toString(16).padStart(56, "0")}`;
    return long ? `sha512:${hex}${hex}` : `sha256:${hex}`;
  });

it("is a map from digests to numbers, whatever is added and deleted", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), digest), { maxLength: 400 }), (steps) => {
      const table = new DigestTable();
      const column = new Column();
      const model = new Map<Digest, number>();
      for (const [at, [adds, one]] of steps.entries()) {
        if (adds) {
          const row = table.add(one);
          expect(table.digest(row)).toBe(one);
          if (model.has(one)) expect(column.get(row)).toBe(model.get(one));
          column.set(row, at + 0.5);
          model.set(one, at + 0.5);
        } else {
          table.delete(one);
          model.delete(one);
          expect(table.find(one)).toBe(-1);
        }
        expect(table.size).toBe(model.size);
      }
      const found = new Map(Array.from(table.entries(), ([row, one]) => [one, column.get(row)]));
      expect(found).toEqual(model);
      for (const [one, value] of model) expect(column.get(table.find(one))).toBe(value);
      table.clear();
      expect([table.size, ...table.entries()]).toEqual([0]);
    }),
    { numRuns: 60 },
  );
});

it("holds more than a block of digests", () => {
  const table = new DigestTable();
  const digests = Array.from(
    { length: 5000 },
    (_, i): Digest => `sha256:${(i * 0x9e3779b1).toString(16).padStart(64, "0")}`,
  );
  for (const [row, one] of digests.entries()) expect(table.add(one)).toBe(row);
  for (const [row, one] of digests.entries()) expect(table.find(one)).toBe(row);
});
