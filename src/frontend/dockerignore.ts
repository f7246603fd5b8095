import { SlipwayError } from "../errors.ts";
import { decodeName } from "../tar/names.ts";
import { compilePathPattern } from "./path-pattern.ts";

/** What an ignore file says of paths. */
export interface IgnoreMatcher {
  /**
   * Whether a path is left out. A path beneath a directory that is left out is left out too, unless a later `!` pattern
   * takes it in again.
   * @param path relative to the directory that is read, names joined by `/`, as `decodeName` makes them
   */
  ignores(path: string): boolean;
  /** Whether a `!` pattern may take in something beneath this directory that is left out: only then it need be visited. */
  mayKeepBeneath(path: string): boolean;
}

interface Rule {
  readonly matches: (path: string) => boolean;
  /** `!`: takes in again what earlier rules left out. */
  readonly exception: boolean;
  /** The pattern up to its first wildcard: nothing outside of it can match. */
  readonly prefix: string;
}

/**
 * Reads a `.dockerignore` and decides as Docker's builders do while they walk the directory: patterns as Go's
 * `filepath.Match` plus `**`, the last one that matches wins, a leading `/` means nothing, lines that begin with `#` are
 * comments. The file itself is left out only if it says so.
 *
 * @param text the file's content; bytes may hold names that are not UTF-8
 * @throws SlipwayError `INVALID_ARGUMENT` naming the line of a malformed pattern
 */
export function parseDockerignore(text: string | Uint8Array, name = ".dockerignore"): IgnoreMatcher {
  const rules: Rule[] = [];
  const lines = (typeof text === "string" ? text : decodeName(text)).replace(/^\uFEFF/, "").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("#")) continue;
    const trimmed = trim(line);
    if (trimmed === "") continue;
    try {
      rules.push(parseRule(trimmed));
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      throw new SlipwayError("INVALID_ARGUMENT", `Cannot read ${name}, line ${index + 1}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }
  return createMatcher(rules);
}

function parseRule(line: string): Rule {
  const exception = line.startsWith("!");
  const pattern = cleanPattern(exception ? trim(line.slice(1)) : line);
  if (exception && pattern === "") {
    throw new SlipwayError("INVALID_ARGUMENT", 'Cannot use the pattern "!": no path follows the exclamation mark');
  }
  return { matches: compilePathPattern(pattern), exception, prefix: /^[^*?[\\]*/.exec(pattern)?.[0] ?? "" };
}

function createMatcher(rules: readonly Rule[]): IgnoreMatcher {
  const exceptions = rules.filter((rule) => rule.exception);
  // The directories that lead to the path asked for last, with the rules that each matches: what a walk needs.
  let chain: { readonly path: string; readonly matched: readonly boolean[] }[] = [];

  /** Which rules match a path, itself or by a directory above it; and whether it is left out. */
  const judge = (path: string, above: readonly boolean[] | undefined): { matched: boolean[]; ignored: boolean } => {
    let ignored = false;
    const matched = rules.map((rule, index) => {
      // A rule that would change nothing is not asked, and then does not count for what lies beneath either.
      const matches = above?.[index] || (rule.exception === ignored && rule.matches(path));
      if (matches) ignored = !rule.exception;
      return matches;
    });
    return { matched, ignored };
  };

  const matchedAbove = (path: string): readonly boolean[] | undefined => {
    const names = path.split("/").slice(0, -1);
    const kept: typeof chain = [];
    let directory = "";
    for (const [depth, name] of names.entries()) {
      directory = depth === 0 ? name : `${directory}/${name}`;
      const known = chain[depth];
      const matched = known?.path === directory ? known.matched : judge(directory, kept[depth - 1]?.matched).matched;
      kept.push({ path: directory, matched });
    }
    chain = kept;
    return kept.at(-1)?.matched;
  };

  return {
    ignores: (path) => judge(path, matchedAbove(path)).ignored,
    mayKeepBeneath: (path) =>
      exceptions.some(({ prefix }) => `${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`)),
  };
}

/** Go's `filepath.Clean`, without the leading `/`. */
function cleanPattern(pattern: string): string {
  if (pattern === "") return "";
  const rooted = pattern.startsWith("/");
  const names: string[] = [];
  for (const name of pattern.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!rooted) names.push(name);
  }
  return names.join("/") || ".";
}

const trim = (text: string): string => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");

const reasonOf = (error: Error): string => error.message.replace(/^Cannot /, "cannot ");
