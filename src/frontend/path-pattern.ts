import { SlipwayError } from "../errors.ts";

/**
 * Makes a matcher of one pattern of Docker's ignore files: Go's `filepath.Match` (`*`, `?`, `[a-z]`, `[^a-z]`, `\` before a
 * character that is meant itself; none of them matches `/`), and `**`, which stands for any number of directories, none
 * included. The whole path must match.
 * @param pattern cleaned: no empty, `.` or trailing component
 * @throws SlipwayError `INVALID_ARGUMENT` if a class is not closed or empty, or the pattern ends in a `\`
 */
export function compilePathPattern(pattern: string): (path: string) => boolean {
  const characters = [...pattern];
  // The reference decides by what it has seen so far whether it compares strings or runs an expression; so a `**` at an end
  // also matches within a name (`**foo` takes `barfoo`, `foo**` takes `foobar`), but not one in the middle.
  let literal = true;
  let suffix = false;
  let expression = "";
  let index = 0;
  while (index < characters.length) {
    const character = characters[index] ?? "";
    if (character === "*" && characters[index + 1] === "*") {
      const first = index === 0;
      index += 2;
      if (characters[index] === "/") index++;
      if (first) {
        suffix = true;
        expression += index === characters.length ? ANYTHING : `(${ANYTHING}/)?`;
      } else if (index === characters.length) {
        expression += ANYTHING;
        suffix = false;
      } else {
        expression += `(${ANYTHING}/)?`;
        literal = false;
      }
    } else if (character === "*") {
      expression += "[^/]*";
      literal = false;
      index++;
    } else if (character === "?") {
      expression += "[^/]";
      literal = false;
      index++;
    } else if (character === "[") {
      const set = readClass(pattern, characters, index);
      expression += set.expression;
      literal = false;
      index = set.next;
    } else {
      const escaped = character === "\\";
      const meant = escaped ? characters[index + 1] : character;
      if (meant === undefined) throw badPattern(pattern, "it ends in a backslash");
      if (escaped || character === "]") literal = false;
      expression += quote(meant);
      index += escaped ? 2 : 1;
    }
  }
  if (literal && suffix) {
    const end = pattern.slice(2);
    return (path) => path.endsWith(end) || (end.startsWith("/") && path === end.slice(1));
  }
  const matcher = new RegExp(`^${expression}$`, "u");
  return (path) => matcher.test(path);
}

/** Go's `.`, which is everything but the end of a line. */
const ANYTHING = "[^\\n]*";

/** `[…]` from its opening bracket at `start` on. */
function readClass(
  pattern: string,
  characters: readonly string[],
  start: number,
): { readonly expression: string; readonly next: number } {
  let index = start + 1;
  let expression = "[";
  if (characters[index] === "^") {
    expression += "^";
    index++;
  }
  const one = (): string => {
    let character = characters[index];
    if (character === "-" || character === "]") throw badPattern(pattern, "a class is empty or has half a range");
    if (character === "\\") character = characters[++index];
    if (character === undefined) throw badPattern(pattern, "a class is not closed");
    index++;
    return character;
  };
  for (let count = 0; count === 0 || characters[index] !== "]"; count++) {
    const low = one();
    if (characters[index] !== "-") {
      expression += quoteInClass(low);
      continue;
    }
    index++;
    const high = one();
    // A range that runs backwards matches nothing, and is an error where it is an expression.
    if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) throw badPattern(pattern, "a range runs backwards");
    expression += `${quoteInClass(low)}-${quoteInClass(high)}`;
  }
  return { expression: `${expression}]`, next: index + 1 };
}

/** A character that stands for itself. */
const quote = (character: string): string => (/[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character);

const quoteInClass = (character: string): string => (character === "-" ? "\\-" : quote(character));

const badPattern = (pattern: string, reason: string): SlipwayError =>
  new SlipwayError("INVALID_ARGUMENT", `Cannot use the pattern ${JSON.stringify(pattern)}: ${reason}`);
