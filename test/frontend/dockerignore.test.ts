import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/errors.ts";
import { parseDockerignore } from "../../src/frontend/dockerignore.ts";

/** Lines of the ignore file, a path, whether it is left out. What Docker's own matcher says of each was tried. */
const table: readonly (readonly [readonly string[], string, boolean])[] = [
  // A name is a name at the top only.
  [["foo"], "foo", true],
  [["foo"], "bar/foo", false],
  [["foo"], "foobar", false],
  [["a/b"], "a/b", true],
  [["a/b"], "a/bc", false],
  // What lies beneath is left out too.
  [["foo"], "foo/bar/baz", true],
  [["a/b"], "a/b/c", true],
  [["a/b"], "a/c", false],
  // A slash in front or behind means nothing, nor do dots.
  [["/foo"], "foo", true],
  [["foo/"], "foo", true],
  [["./foo//bar/."], "foo/bar", true],
  [["a/../b"], "b", true],
  [["../b"], "b", false],
  [["/"], "a", false],
  [["."], "a", false],
  // Wildcards stop at slashes.
  [["*.md"], "README.md", true],
  [["*.md"], "docs/README.md", false],
  [["*/*.md"], "docs/README.md", true],
  [["*"], "a/b", true],
  [["*/b"], "b", false],
  [["?"], "a", true],
  [["?"], "é", true],
  [["?"], "ab", false],
  [["a?c"], "a/c", false],
  [["*/temp*"], "somedir/temporary.txt", true],
  [["*/*/temp*"], "a/b/temp", true],
  [["*/*/temp*"], "a/temp", false],
  // Classes.
  [["[ab].txt"], "a.txt", true],
  [["[ab].txt"], "c.txt", false],
  [["[^ab].txt"], "c.txt", true],
  [["[a-c]x"], "bx", true],
  [["[a-c]x"], "dx", false],
  [["[\\]]"], "]", true],
  [["[\\-x]"], "-", true],
  // A backslash takes the meaning from what follows it.
  [["\\*"], "*", true],
  [["\\*"], "a", false],
  [["\\#no-comment"], "#no-comment", true],
  [["\\!not"], "!not", true],
  // What means something in expressions means itself here.
  [["a.c"], "abc", false],
  [["a+b"], "a+b", true],
  [["(a)$"], "(a)$", true],
  [["{a}"], "{a}", true],
  [["a|b"], "a", false],
  [["a|b*"], "b", false],
  // Any number of directories, none too.
  [["**"], "a/b", true],
  [["**/foo"], "foo", true],
  [["**/foo"], "a/b/foo", true],
  [["**/foo"], "a/b/foobar", false],
  [["**/foo"], "a/foo/b", true],
  [["foo/**"], "foo", false],
  [["foo/**"], "foo/a/b", true],
  [["a/**/b"], "a/b", true],
  [["a/**/b"], "a/x/y/b", true],
  [["a/**/b"], "ab", false],
  [["**/*.go"], "a/b/c.go", true],
  [["**/*.go"], "c.go", true],
  [["**foo"], "a/barfoo", true],
  [["foo**"], "foobar/x", true],
  [["**/a/**"], "x/a/b", true],
  [["**/.git"], "sub/.git/config", true],
  // The last rule that matches counts.
  [["*.md", "!README.md"], "README.md", false],
  [["!README.md", "*.md"], "README.md", true],
  [["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true],
  [["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false],
  [["a", "!a/b"], "a/b", false],
  [["a", "!a/b"], "a/b/c", false],
  [["a", "!a/b"], "a/c", true],
  [["a", "!a/b", "a/b/c"], "a/b/c", true],
  [["*", "!src"], "src/x", false],
  [["*", "!src/**/*.ts"], "src/a/b.ts", false],
  [["*", "!src/**/*.ts"], "src/a/b.js", true],
  [["*", "! src"], "src", false],
  // An exception that changed nothing above does not count beneath.
  [["!a", "a/b"], "a/b", true],
  [["a/b", "!a"], "a/b", true],
  // Blanks, comments, empty lines, carriage returns, byte order mark.
  [["  foo \t"], "foo", true],
  [["# foo"], "# foo", false],
  [[" # foo"], "# foo", true],
  [["", "   ", "foo\r"], "foo", true],
  [["\ufefffoo"], "foo", true],
  // The file itself is nothing special.
  [["foo"], ".dockerignore", false],
  [[".dockerignore"], ".dockerignore", true],
];

describe("a .dockerignore", () => {
  for (const [lines, path, ignored] of table) {
    it(`${JSON.stringify(lines)} ${ignored ? "leaves out" : "lets in"} ${path}`, () => {
      expect(parseDockerignore(lines.join("\n")).ignores(path)).toBe(ignored);
    });
  }

  it("gives the same answers in whatever order it is asked", () => {
    const paths = ["a", "a/b", "a/b/c", "a/c", "x/b", "a/b/d", "b"];
    const fresh = paths.map((path) => parseDockerignore("a\n!a/b\n**/d").ignores(path));
    const matcher = parseDockerignore("a\n!a/b\n**/d");
    const backwards = [...paths].reverse().map((path) => matcher.ignores(path));
    expect(backwards.reverse()).toEqual(fresh);
    expect(paths.map((path) => matcher.ignores(path))).toEqual(fresh);
  });

  it("tells which directories that are left out must be visited all the same", () => {
    const matcher = parseDockerignore("*\n!a/b/c\n");
    expect(["a", "a/b", "b"].map((path) => matcher.mayKeepBeneath(path))).toEqual([true, true, false]);
    expect(parseDockerignore("node_modules").mayKeepBeneath("node_modules")).toBe(false);
    expect(parseDockerignore("*\n!**/*.ts").mayKeepBeneath("anything")).toBe(true);
  });

  it("matches names that are not UTF-8 by their bytes", () => {
    const matcher = parseDockerignore(new Uint8Array([0x66, 0xff, 0x0a]));
    expect(matcher.ignores("f\udcff")).toBe(true);
    expect(matcher.ignores("f")).toBe(false);
  });

  for (const pattern of ["[", "[]", "[a", "[a-", "[-a]", "[b-a]", "a\\", "!"]) {
    it(`refuses ${JSON.stringify(pattern)}, naming the line`, () => {
      let error: unknown;
      try {
        parseDockerignore(`ok\n${pattern}\n`, "ctx/.dockerignore");
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(SlipwayError);
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(String(error)).toContain("ctx/.dockerignore, line 2");
    });
  }

  it("takes no longer for many wildcards and long names", () => {
    // An engine that tries one way after the other would not come to an end.
    const stars = parseDockerignore(`${"*a".repeat(40)}*b\n${"**/a".repeat(40)}**/b\n`);
    expect(stars.ignores("a".repeat(255))).toBe(false);
    expect(stars.ignores("a/".repeat(500).slice(0, -1))).toBe(false);
    expect(stars.ignores(`${"a".repeat(254)}b`)).toBe(true);
  });
});
