import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../src/frontend/index.ts";

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

describe("a command as people write it", () => {
  it.each([
    ['["/bin/app", "-v"]', ["/bin/app", "-v"]],
    ["[]", []],
    ["", []],
    ["/bin/app -v", ["/bin/app", "-v"]],
    ["  a\t b ", ["a", "b"]],
    ["a 'b c' \"d e\"", ["a", "b c", "d e"]],
    ["a''b \"\"", ["ab", ""]],
    ["a\\ b \\'", ["a b", "'"]],
    ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
    ["'$HOME & co'", ["$HOME & co"]],
    ["*.txt ~", ["*.txt", "~"]],
  ])("%s", (text, words) => expect(parseCommandLine(text)).toEqual(words));

  it.each(["[1]", '["a"', "'a", '"a', "a\\", "a && b", "a | b", "a > b", "echo $HOME", '"$HOME"', "`a`", "(a)"])(
    "%s is refused",
    (text) => expect(codeOf(() => parseCommandLine(text))).toBe("INVALID_OPTION"),
  );
});
