import { SlipwayError } from "../errors.ts";
import { compareNames, decodeName, encodeName } from "../tar/names.ts";

/** Most bytes of one name, as everywhere on Linux. */
const NAME_LIMIT = 255;
/** Most bytes of a path or of a symlink's target: Linux' PATH_MAX without its NUL. */
const PATH_LIMIT = 4095;

/** A path taken apart. */
export interface SplitPath {
  /** Names and `..`, without empty ones and `.`; but a `.` at the end stays. */
  readonly names: readonly string[];
  readonly absolute: boolean;
  /** Ends in `/`: only a directory will do. */
  readonly directory: boolean;
  /** Its last name is `.` or `..`, which is not a name that can be made, moved or removed. */
  readonly dots: boolean;
}

/**
 * Takes a path apart and checks it as Linux does.
 * @param doing begins the message, for example `Cannot write /a/b`
 * @throws SlipwayError `INVALID_PATH`: empty, with NUL, longer than 4095 bytes, a name longer than 255 bytes
 */
export function splitPath(path: string, doing: string): SplitPath {
  if (typeof path !== "string") throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the path is not a string`);
  const whole = checkText(path, PATH_LIMIT, "path", doing);
  const parts = whole.split("/");
  const last = parts.findLast((part) => part !== "") ?? "";
  const names: string[] = [];
  for (const part of parts) {
    if (part === "" || part === ".") continue;
    if (part.length > NAME_LIMIT / 3) checkText(part, NAME_LIMIT, "name", doing);
    names.push(part);
  }
  if (last === ".") names.push(last);
  return {
    names,
    absolute: whole.startsWith("/"),
    directory: whole.endsWith("/"),
    dots: last === "." || last === "..",
  };
}

/**
 * Checks the target of a symlink, which may be any string that fits.
 * @throws SlipwayError `INVALID_PATH`
 */
export function checkTarget(target: string, doing: string): string {
  if (typeof target !== "string") throw new SlipwayError("INVALID_ARGUMENT", `${doing}: the target is not a string`);
  return checkText(target, PATH_LIMIT, "symlink target", doing);
}

/** The text in the one form that stands for its bytes: surrogate escapes that together are valid UTF-8 become characters. */
function checkText(text: string, limit: number, what: string, doing: string): string {
  if (text === "") throw new SlipwayError("INVALID_PATH", `${doing}: the ${what} is empty`);
  if (text.includes("\0")) throw new SlipwayError("INVALID_PATH", `${doing}: the ${what} contains a NUL character`);
  const plain = !/[\ud800-\udfff]/.test(text);
  if (plain && text.length * 3 <= limit) return text;
  const bytes = encodeName(text);
  if (bytes.byteLength > limit) {
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    throw new SlipwayError(
      "INVALID_PATH",
      `${doing}: the ${what} ${JSON.stringify(shown)} has ${bytes.byteLength} bytes, more than ${limit}`,
    );
  }
  return plain ? text : decodeName(bytes);
}

/** The absolute path of names from the root down. */
export function joinPath(names: readonly string[]): string {
  return `/${names.join("/")}`;
}

/** Order of two absolute paths as a layer has them: name by name, each bytewise, a directory right before what is in it. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.split("/");
  const right = b.split("/");
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareNames(left[i] ?? "", right[i] ?? "");
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
