import { expect, it } from "vitest";
import { coversScopes, mergeScopes } from "../../../src/registry/auth/scopes.ts";

it("scopes of one repository become one, in a fixed order", () => {
  expect(mergeScopes(["repository:b:pull", "repository:a:push", "repository:a:pull,push"])).toEqual([
    "repository:a:pull,push",
    "repository:b:pull",
  ]);
});

it("names may have colons, and what is no scope stays as it is", () => {
  expect(mergeScopes(["repository:host:5000/a:pull", "aws", "repository:host:5000/a:push  x:y"])).toEqual([
    "aws",
    "repository:host:5000/a:pull,push",
    "x:y",
  ]);
});

it("whoever may do more may do less", () => {
  expect(coversScopes(["repository:a:pull,push"], ["repository:a:pull"])).toBe(true);
  expect(coversScopes(["repository:a:pull"], ["repository:a:pull,push"])).toBe(false);
  expect(coversScopes(["repository:a:pull", "repository:b:pull"], ["repository:b:pull"])).toBe(true);
  expect(coversScopes(["repository:a:pull"], ["repository:b:pull"])).toBe(false);
  expect(coversScopes([], [])).toBe(true);
});
