import type { Position } from "./position.ts";
import { isJsonMap, isJsonNumber, type JsonValue, jsonTypeOf } from "./value.ts";

/** Deeper than any document; also ends objects that contain themselves. */
const DEPTH_LIMIT = 200;

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * A value of plain objects, as callers build it or `JSON.parse` gives it, in the form of a document. Members that are
 * `undefined` are left out; those of an object's `unknownFields` become its own. A map is in that form already.
 * @throws SlipwayError `INVALID_DOCUMENT` for what JSON has no form for
 */
export function toJsonValue(value: unknown, at: Position): JsonValue {
  return convert(value, at, 0, false);
}

function convert(value: unknown, at: Position, depth: number, insideMap: boolean): JsonValue {
  if (depth > DEPTH_LIMIT) throw at.error(`is nested more than ${DEPTH_LIMIT} levels deep`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw at.error(`must not be ${value}`);
    return value;
  }
  if (typeof value !== "object") throw at.error(`must not be ${jsonTypeOf(value)}`);
  if (Array.isArray(value)) return value.map((item, index) => convert(item, at.child(index), depth + 1, insideMap));
  if (isJsonMap(value)) {
    return new Map([...value].map(([key, member]) => [key, convert(member, at.child(key), depth + 1, true)]));
  }
  if (!insideMap) return convertObject(value, at, depth);
  if (!isJsonNumber(value) || !NUMBER.test(value.numberText)) throw at.error("must be a Map where it is an object");
  return value;
}

function convertObject(value: object, at: Position, depth: number): JsonValue {
  // Instances of classes, such as dates, would lose what they are.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw at.error("must be a plain object");
  const members = new Map<string, JsonValue>();
  for (const [key, member] of Object.entries<unknown>({ ...value })) {
    if (member === undefined) continue;
    if (key !== "unknownFields") {
      members.set(key, convert(member, at.child(key), depth + 1, false));
      continue;
    }
    if (!isJsonMap(member)) throw at.child(key).error(`must be a Map, not ${jsonTypeOf(member)}`);
    for (const [name, field] of member) {
      if (!members.has(name)) members.set(name, convert(field, at.child(name), depth + 1, true));
    }
  }
  return members;
}
