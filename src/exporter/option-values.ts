import { SlipwayError } from "../errors.ts";

/** The error of an option whose value cannot be taken; `allowed` completes "it must be …". */
export function invalidOption(option: string, value: unknown, allowed: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "INVALID_OPTION",
    `Cannot use option ${option}=${display(value)}: it must be ${allowed}`,
    cause === undefined ? undefined : { cause },
  );
}

/** A value as one would type it, or its type where that says more. */
function display(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  if (typeof value === "function") return "a function";
  return JSON.stringify(value) ?? String(value);
}

const TRUE: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

/**
 * A boolean, or a string that Go's `strconv.ParseBool` takes.
 * @param emptyIsTrue an option that was given without a value is switched on, for those that BuildKit treats so
 * @throws SlipwayError `INVALID_OPTION`
 */
export function booleanValue(option: string, value: unknown, emptyIsTrue = false): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") {
    if (TRUE.includes(value) || (emptyIsTrue && value === "")) return true;
    if (FALSE.includes(value)) return false;
  }
  throw invalidOption(option, value, "true or false");
}

/**
 * An integer, or a string of decimal digits.
 * @throws SlipwayError `INVALID_OPTION` if it is none or outside of `min` … `max`
 */
export function integerValue(option: string, value: unknown, min: number, max: number, what: string): number {
  const number = typeof value === "string" && /^[+-]?\d{1,18}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
  throw invalidOption(option, value, `${what} from ${min} to ${max}`);
}

/** @throws SlipwayError `INVALID_OPTION` if it is not a string */
export function stringValue(option: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalidOption(option, value, "a string");
}
