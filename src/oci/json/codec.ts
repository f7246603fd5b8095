import type { SlipwayError } from "../../errors.ts";
import type { Position } from "./position.ts";
import { compareKeys } from "./print.ts";
import { isJsonMap, isWellFormed, type JsonMap, type JsonValue, jsonTypeOf } from "./value.ts";

/** How values of one type are read from JSON and written to it. */
export interface Codec<T> {
  /** @throws SlipwayError naming the field at `at` */
  read(value: JsonValue, at: Position): T;
  write(value: T): JsonValue;
  /** Whether Go's `omitempty` leaves the value out. */
  isEmpty(value: T): boolean;
}

/** A field of an object. */
export interface Field<T> {
  readonly codec: Codec<T>;
  /**
   * `required`: must be there, is always written. `omitempty`: may be missing, is written unless it is empty (Go's `omitempty`).
   * `present`: may be missing, is written if it is there (Go's pointers).
   */
  readonly presence: "required" | "omitempty" | "present";
}

/** Part of every object of a document. */
export interface WithUnknownFields {
  /** Fields that the format does not define, kept for when the document is written again. They follow the others, sorted by key. */
  readonly unknownFields?: JsonMap;
}

/** Must be there, is always written. */
export const required = <T>(codec: Codec<T>): Field<T> => ({ codec, presence: "required" });
/** May be missing, is written unless it is empty. */
export const omitempty = <T>(codec: Codec<T>): Field<T> => ({ codec, presence: "omitempty" });
/** May be missing, is written if it is there. */
export const present = <T>(codec: Codec<T>): Field<T> => ({ codec, presence: "present" });

const wrongType = (value: JsonValue, at: Position, wanted: string): SlipwayError =>
  at.error(`must be ${wanted}, not ${jsonTypeOf(value)}`);

/** Text. */
export const string: Codec<string> = {
  read(value, at) {
    if (typeof value !== "string") throw wrongType(value, at, "a string");
    if (!isWellFormed(value)) throw at.error("has half a surrogate pair, which UTF-8 cannot hold");
    return value;
  },
  write: (value) => value,
  isEmpty: (value) => value === "",
};

/** `true` or `false`. */
export const boolean: Codec<boolean> = {
  read(value, at) {
    if (typeof value !== "boolean") throw wrongType(value, at, "true or false");
    return value;
  },
  write: (value) => value,
  isEmpty: (value) => !value,
};

/** A whole number that a JavaScript number holds exactly. */
export const integer: Codec<number> = {
  read(value, at) {
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    if (jsonTypeOf(value) !== "a number") throw wrongType(value, at, "a whole number");
    throw at.error("must be a whole number of at most 2^53 - 1, without fraction and exponent");
  },
  write: (value) => value,
  isEmpty: (value) => value === 0,
};

/** A codec whose values must pass one more check. `check` throws by `at.error`. */
export function checked<T, U extends T>(codec: Codec<T>, check: (value: T, at: Position) => U): Codec<U> {
  return { ...codec, read: (value, at) => check(codec.read(value, at), at) };
}

/** An array. Go writes `null` for one that was never made, so that is read as an empty one. */
export function list<T>(items: Codec<T>): Codec<readonly T[]> {
  return {
    read(value, at) {
      if (value === null) return [];
      if (!Array.isArray(value)) throw wrongType(value, at, "an array");
      return value.map((item: JsonValue, index) => items.read(item, at.child(index)));
    },
    write: (value) => value.map((item) => items.write(item)),
    isEmpty: (value) => value.length === 0,
  };
}

/** An object with keys of the document's own choice; written sorted. */
export function record<T>(values: Codec<T>): Codec<Readonly<Record<string, T>>> {
  return {
    read(value, at) {
      if (!isJsonMap(value)) throw wrongType(value, at, "an object");
      // fromEntries defines `__proto__` as any other key, where an assignment would set the prototype.
      return Object.fromEntries(
        [...value].map(([key, member]) => {
          if (!isWellFormed(key)) throw at.error("has a key with half a surrogate pair, which UTF-8 cannot hold");
          return [key, values.read(member, at.child(key))];
        }),
      );
    },
    write: (value) =>
      new Map(
        Object.keys(value)
          .sort(compareKeys)
          .flatMap((key) => {
            const member = value[key];
            return member === undefined ? [] : [[key, values.write(member)] as const];
          }),
      ),
    isEmpty: (value) => Object.keys(value).length === 0,
  };
}

/**
 * An object with known fields, written in the order in which they are given here.
 *
 * A field that differs from a known one only in upper and lower case is refused: Go's decoder would take it for the known one.
 */
export function object<T extends WithUnknownFields>(
  fields: {
    readonly [Key in Exclude<keyof T, "unknownFields">]-?: Field<Exclude<T[Key], undefined>>;
  },
): Codec<T> {
  const known: readonly (readonly [string, Field<unknown>])[] = Object.entries(fields);
  const folded = new Map(known.map(([key]) => [foldCase(key), key]));
  return {
    read(value, at) {
      if (!isJsonMap(value)) throw wrongType(value, at, "an object");
      const entries: [string, unknown][] = [];
      for (const [key, { codec, presence }] of known) {
        const member = value.get(key);
        if (presence !== "required" && (member === undefined || member === null)) continue;
        if (member === undefined) throw at.child(key).error("is missing");
        entries.push([key, codec.read(member, at.child(key))]);
      }
      const unknown = new Map<string, JsonValue>();
      for (const [key, member] of value) {
        const twin = folded.get(foldCase(key));
        if (twin === undefined) unknown.set(key, member);
        else if (twin !== key)
          throw at.child(key).error(`differs from ${twin} in case only: some clients would read it`);
      }
      if (unknown.size > 0) entries.push(["unknownFields", unknown]);
      // Every field of T has been read by its own codec: what the compiler cannot follow through the loop.
      const result: unknown = Object.fromEntries(entries);
      return result as T;
    },
    write(value) {
      const given = new Map<string, unknown>(Object.entries(value));
      const members = new Map<string, JsonValue>();
      for (const [key, { codec, presence }] of known) {
        const member = given.get(key);
        if (member !== undefined && (presence !== "omitempty" || !codec.isEmpty(member))) {
          members.set(key, codec.write(member));
        }
      }
      const unknown = [...(value.unknownFields ?? [])].sort(([a], [b]) => compareKeys(a, b));
      for (const [key, member] of unknown) members.set(key, member);
      return members;
    },
    isEmpty: () => false,
  };
}

/** A key as Go's decoder compares it: `ſ` counts as s and the Kelvin sign as k. */
export function foldCase(key: string): string {
  return key.replaceAll("ſ", "s").toLowerCase();
}
