import fc from "fast-check";
import { expect, it } from "vitest";
import { NameSet } from "../../src/diff/name-set.ts";

it("is a set of names for each directory", () => {
  const name = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", "é", "\udc80"), minLength: 1, maxLength: 4 }),
    fc.nat(2000).map(String),
    fc.constantFrom("x".repeat(255), "x".repeat(256)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), name), { maxLength: 500 }), fc.array(name), (added, others) => {
      const names = new NameSet();
      const directories = [0, 1, 2, 3].map(() => names.directory());
      const model = directories.map(() => new Set<string>());
      for (const [directory, one] of added) {
        expect(names.has(directory, one)).toBe(model[directory]?.has(one));
        names.add(directory, one);
        model[directory]?.add(one);
      }
      for (const directory of directories) {
        for (const one of [...others, ...added.map(([, each]) => each)]) {
          expect(names.has(directory, one)).toBe(model[directory]?.has(one));
        }
      }
    }),
    { numRuns: 40 },
  );
});
