import type { Position } from "./position.ts";
import { isJsonMap, JsonNumber, type JsonValue, jsonTypeOf } from "./value.ts";

/** Deeper than any document; also ends objects that contain themselves. */
const DEPTH_LIMIT = 200;

/**
 * A value of plain objects, as callers build it or `JSON.parse` gives it, in the form of a document. Members that are
 * `undefined` are left out; those of an object's `unknownFields` become its own.
 * @throws SlipwayError `INVALID_DOCUMENT` for what JSON has no form for
 */
export function toJsonValue(value: unknown, at: Position, depth = 0): JsonValue {
  if (depth > DEPTH_LIMIT) throw at.error(`is nested more than ${DEPTH_LIMIT} levels deep`);
  if (value === null || typeof value === "string" || typeof value === "boolean" || value instanceof JsonNumber) {
    return value;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw at.error(`must not be ${value}`);
    return value;
  }
  if (Array.isArray(value)) return value.map((item, index) => toJsonValue(item, at.child(index), depth + 1));
  if (typeof value !== "object") throw at.error(`must not be ${jsonTypeOf(value)}`);
  const members = new Map<string, JsonValue>();
  for (const [key, member] of isJsonMap(value) ? value : Object.entries<unknown>({ ...value })) {
    if (member === undefined) continue;
    if (key === "unknownFields" && isJsonMap(member)) {
      for (const [name, field] of member) {
        if (!members.has(name)) members.set(name, toJsonValue(field, at.child(name), depth + 1));
      }
    } else {
      members.set(key, toJsonValue(member, at.child(key), depth + 1));
    }
  }
  return members;
}
