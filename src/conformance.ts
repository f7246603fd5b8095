import { isSlipwayError, type SlipwayErrorCode } from "./errors.ts";

/**
 * One thing that an implementation of a contract must do. Suites are lists of these, so that they run under any test
 * framework: `for (const { name, run } of contentStoreConformance(open)) test(name, run)`.
 */
export interface ConformanceCase {
  /** What must hold, as a sentence. */
  readonly name: string;
  /** Rejects with an error that says what was expected and what was found. */
  run(): Promise<void>;
}

/** Throws an `Error` with `message` unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/**
 * Throws an `Error` naming both values unless they are structurally equal. Objects are compared by their own enumerable
 * properties in any order, one that is absent like one that is `undefined`; arrays, byte arrays, maps and sets by contents.
 * @param what begins the message
 */
export function assertEqual(actual: unknown, expected: unknown, what = "value"): void {
  if (!structurallyEqual(actual, expected)) {
    throw new Error(`${what}: expected ${display(expected)}, got ${display(actual)}`);
  }
}

/**
 * Waits for a promise (or for what a function returns) to reject with a {@link SlipwayError} of `code`.
 * @returns the error, for further checks
 */
export async function assertRejects(
  promise: PromiseLike<unknown> | (() => PromiseLike<unknown>),
  code: SlipwayErrorCode,
  what = "call",
): Promise<Error> {
  let result: unknown;
  try {
    result = await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    if (isSlipwayError(error, code)) return error;
    throw new Error(`${what}: expected a rejection with ${code}, got ${display(error)}`, { cause: error });
  }
  throw new Error(`${what}: expected a rejection with ${code}, but it resolved with ${display(result)}`);
}

function structurallyEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && sameItems(a, b);
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && sameItems(a, b);
  }
  if (a instanceof Map || b instanceof Map) {
    if (!(a instanceof Map && b instanceof Map) || a.size !== b.size) return false;
    return [...a].every(([key, value]) => b.has(key) && structurallyEqual(value, b.get(key)));
  }
  if (a instanceof Set || b instanceof Set) {
    return a instanceof Set && b instanceof Set && a.size === b.size && [...a].every((item) => b.has(item));
  }
  const left = new Map(Object.entries(a).filter(([, value]) => value !== undefined));
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  if (left.size !== right.size) return false;
  return [...left].every(([key, value]) => right.has(key) && structurallyEqual(value, right.get(key)));
}

function sameItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!structurallyEqual(a[i], b[i])) return false;
  return true;
}

/** A value on one line, long ones cut. */
function display(value: unknown): string {
  if (value instanceof Error) return "code" in value ? `${value.name} ${value.code}: ${value.message}` : String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_key, part: unknown) => {
      if (part instanceof Uint8Array) return `bytes ${[...part.subarray(0, 64)].join(" ")} (${part.byteLength})`;
      if (part instanceof Map || part instanceof Set) return [...part];
      return typeof part === "bigint" ? `${part}n` : part;
    });
  } catch {
    text = undefined;
  }
  const line = text ?? String(value);
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
