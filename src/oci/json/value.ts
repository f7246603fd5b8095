/**
 * A JSON value as it stands in a document. Objects are maps, so that no key can reach a prototype and their order is kept.
 */
export type JsonValue = null | boolean | number | string | JsonNumber | readonly JsonValue[] | JsonMap;

/** A JSON object. */
export interface JsonMap extends ReadonlyMap<string, JsonValue> {}

/**
 * A number that a JavaScript number would not write the same way again (`1.0`, `9007199254740993`), kept as its text. A plain
 * object, so that it can be cloned; it is not taken for a JSON object, since those are maps.
 */
export interface JsonNumber {
  /** The number as it stands in the document. */
  readonly numberText: string;
}

/** Whether a JSON value is an object. */
export function isJsonMap(value: unknown): value is JsonMap {
  return value instanceof Map;
}

/** Whether a JSON value is a number kept as text. */
export function isJsonNumber(value: unknown): value is JsonNumber {
  return typeof value === "object" && value !== null && "numberText" in value && typeof value.numberText === "string";
}

/** What a value is, in the words of JSON. */
export function jsonTypeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isJsonNumber(value)) return "a number";
  switch (typeof value) {
    case "object":
      return "an object";
    case "undefined":
      return "missing";
    default:
      return `a ${typeof value}`;
  }
}

/** Half of a surrogate pair: text that has no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a string is Unicode text, without half characters that encoding it would silently replace. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}
