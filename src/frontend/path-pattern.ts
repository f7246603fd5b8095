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
  const steps: Step[] = [];
  let index = 0;
  while (index < characters.length) {
    const character = characters[index] ?? "";
    if (character === "*" && characters[index + 1] === "*") {
      const first = index === 0;
      index += 2;
      if (characters[index] === "/") index++;
      if (first) {
        suffix = true;
        steps.push(...(index === characters.length ? [ANYTHING] : DIRECTORIES));
      } else if (index === characters.length) {
        steps.push(ANYTHING);
        suffix = false;
      } else {
        steps.push(...DIRECTORIES);
        literal = false;
      }
    } else if (character === "*") {
      steps.push({ kind: "many", takes: notSlash });
      literal = false;
      index++;
    } else if (character === "?") {
      steps.push({ kind: "one", takes: notSlash });
      literal = false;
      index++;
    } else if (character === "[") {
      const set = readClass(pattern, characters, index);
      steps.push({ kind: "one", takes: set.takes });
      literal = false;
      index = set.next;
    } else {
      const escaped = character === "\\";
      const meant = escaped ? characters[index + 1] : character;
      if (meant === undefined) throw badPattern(pattern, "it ends in a backslash");
      if (escaped || character === "]") literal = false;
      steps.push({ kind: "one", takes: (other) => other === meant });
      index += escaped ? 2 : 1;
    }
  }
  if (literal && suffix) {
    const end = pattern.slice(2);
    return (path) => path.endsWith(end) || (end.startsWith("/") && path === end.slice(1));
  }
  return (path) => matchSteps(steps, path);
}

/** One part of a pattern: takes one character, or any number of them, or may be passed over with the two steps behind it. */
type Step =
  | { readonly kind: "one" | "many"; readonly takes: (character: string) => boolean }
  | { readonly kind: "optional" };

const notSlash = (character: string): boolean => character !== "/";

/** Go's `.*`, which takes everything but the end of a line. */
const ANYTHING: Step = { kind: "many", takes: (character) => character !== "\n" };

/** Any number of directories, none included. */
const DIRECTORIES: readonly Step[] = [
  { kind: "optional" },
  ANYTHING,
  { kind: "one", takes: (character) => character === "/" },
];

/**
 * Whether the steps take the whole path. All ways are followed at once, one character after the other: an engine that tries
 * them in turn needs years for a handful of `*` and a long name.
 */
function matchSteps(steps: readonly Step[], path: string): boolean {
  // For each step, whether one can stand before it.
  let here = new Uint8Array(steps.length + 1);
  let there = new Uint8Array(steps.length + 1);
  here[0] = 1;
  passOver(steps, here);
  for (const character of path) {
    there.fill(0);
    let alive = false;
    for (const [at, step] of steps.entries()) {
      if (here[at] !== 1 || step.kind === "optional" || !step.takes(character)) continue;
      there[step.kind === "many" ? at : at + 1] = 1;
      alive = true;
    }
    if (!alive) return false;
    passOver(steps, there);
    [here, there] = [there, here];
  }
  return here[steps.length] === 1;
}

/** Marks where one gets to without taking a character. */
function passOver(steps: readonly Step[], places: Uint8Array): void {
  for (const [at, { kind }] of steps.entries()) {
    if (places[at] !== 1 || kind === "one") continue;
    places[at + 1] = 1;
    if (kind === "optional") places[at + DIRECTORIES.length] = 1;
  }
}

/** `[…]` from its opening bracket at `start` on. */
function readClass(
  pattern: string,
  characters: readonly string[],
  start: number,
): { readonly takes: (character: string) => boolean; readonly next: number } {
  let index = start + 1;
  const negated = characters[index] === "^";
  if (negated) index++;
  const one = (): string => {
    let character = characters[index];
    if (character === "-" || character === "]") throw badPattern(pattern, "a class is empty or has half a range");
    if (character === "\\") character = characters[++index];
    if (character === undefined) throw badPattern(pattern, "a class is not closed");
    index++;
    return character;
  };
  const ranges: { readonly low: number; readonly high: number }[] = [];
  while (ranges.length === 0 || characters[index] !== "]") {
    const low = codeOf(one());
    let high = low;
    if (characters[index] === "-") {
      index++;
      high = codeOf(one());
    }
    // A range that runs backwards matches nothing, and is an error where it is an expression.
    if (low > high) throw badPattern(pattern, "a range runs backwards");
    ranges.push({ low, high });
  }
  const takes = (character: string): boolean => {
    const code = codeOf(character);
    return ranges.some(({ low, high }) => low <= code && code <= high) !== negated;
  };
  return { takes, next: index + 1 };
}

const codeOf = (character: string): number => character.codePointAt(0) ?? 0;

const badPattern = (pattern: string, reason: string): SlipwayError =>
  new SlipwayError("INVALID_ARGUMENT", `Cannot use the pattern ${JSON.stringify(pattern)}: ${reason}`);
