import { isJsonMap, isJsonNumber, type JsonValue } from "./value.ts";

/**
 * Writes JSON as Go's `encoding/json` does, byte for byte, since BuildKit and containerd write their documents with it:
 * `<`, `>`, `&`, U+2028 and U+2029 are escaped in strings, and nothing else is that need not be.
 * @param indent `""` for `json.Marshal`'s compact form, two spaces for what BuildKit's `json.MarshalIndent` writes
 */
export function printJson(value: JsonValue, indent: "" | "  "): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(printValue(value, indent, indent === "" ? "" : "\n"));
}

function printValue(value: JsonValue, indent: string, newline: string): string {
  if (isJsonNumber(value)) return value.numberText;
  if (typeof value === "string") return printString(value);
  if (typeof value !== "object" || value === null) return String(value);
  const inner = newline + indent;
  const colon = indent === "" ? ":" : ": ";
  if (isJsonMap(value)) {
    const members = [...value].map(([key, member]) => printString(key) + colon + printValue(member, indent, inner));
    return members.length === 0 ? "{}" : `{${inner}${members.join(`,${inner}`)}${newline}}`;
  }
  const items = value.map((item) => printValue(item, indent, inner));
  return items.length === 0 ? "[]" : `[${inner}${items.join(`,${inner}`)}${newline}]`;
}

const ESCAPED = /[<>&\u2028\u2029]/g;

function printString(text: string): string {
  return JSON.stringify(text).replace(
    ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The order in which Go writes the keys of a map: bytewise in UTF-8, which is by code points. JavaScript's own order, by
 * UTF-16 units, puts U+10000 and up before U+E000.
 */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

// Only when one of two different units is a surrogate may the orders differ: it stands for a code point above all others.
function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
