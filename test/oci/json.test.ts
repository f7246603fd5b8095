import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DOCUMENT_LIMIT, type JsonValue } from "../../src/oci/index.ts";
import { parseJson } from "../../src/oci/json/parse.ts";
import { printJson } from "../../src/oci/json/print.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): JsonValue => parseJson(utf8(text), "test document");
const print = (value: JsonValue, indent: "" | "  " = ""): string => new TextDecoder().decode(printJson(value, indent));

/** The value of plain objects that JSON.parse would give. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null && "numberText" in value) return Number(value.numberText);
  return value;
}

describe("parseJson", () => {
  it("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 6, stringUnit: "binary" }),
        fc.constantFrom(undefined, 1, "\t"),
        (text, space) => {
          const wanted: unknown = JSON.parse(text);
          fc.pre(!JSON.stringify(wanted).includes("\\ud"));
          expect(plain(parse(JSON.stringify(wanted, null, space)))).toEqual(wanted);
        },
      ),
    );
  });

  it("reads back what printJson writes, in both forms", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const tree = parse(JSON.stringify(value));
        expect(parse(print(tree))).toEqual(tree);
        expect(parse(print(tree, "  "))).toEqual(tree);
      }),
    );
  });

  it("keeps the order of keys, those that look like numbers too", () => {
    expect(print(parse('{"b":1,"2":2,"a":3,"1":4}'))).toBe('{"b":1,"2":2,"a":3,"1":4}');
  });

  it.each(["9007199254740993", "1.0", "1e2", "-0", "1E400", "0.1234567890123456789"])("keeps the number %s", (text) => {
    expect(print(parse(`[${text}]`))).toBe(`[${text}]`);
  });

  it.each(["0", "-1", "1.5", "9007199254740991"])("reads %s as a number", (text) => {
    expect(parse(text)).toBe(Number(text));
  });

  it("reads escapes, pairs of surrogates and spaces", () => {
    expect(parse(' \t\r\n"\\u0041\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\"\\\\é" \n')).toBe('A\u{1F600}/\b\f\n\r\t"\\é');
  });

  it.each([
    ["nothing", ""],
    ["only spaces", "  "],
    ["something after the value", "{} {}"],
    ["a comma at the end", "[1,]"],
    ["a comma at the end of an object", '{"a":1,}'],
    ["no comma", "[1 2]"],
    ["no colon", '{"a" 1}'],
    ["a key that is no string", "{a:1}"],
    ["single quotes", "['a']"],
    ["a comment", "[1 /* one */]"],
    ["an open object", '{"a":1'],
    ["an open array", "[1"],
    ["an open string", '"abc'],
    ["a string that ends in an escape", '"abc\\"'],
    ["a wrong escape", '"\\x41"'],
    ["a short escape", '"\\u12"'],
    ["a newline in a string", '"a\nb"'],
    ["a NUL in a string", '"a\0b"'],
    ["a leading zero", "01"],
    ["a plus", "+1"],
    ["a lone minus", "-"],
    ["a fraction without digits", "1."],
    ["NaN", "NaN"],
    ["a word", "nul"],
    ["a longer word", "nulll"],
    ["a lone high surrogate", '"\\ud800"'],
    ["a lone low surrogate", '"\\udc00"'],
    ["a lone surrogate in a key", '{"\\ud800":1}'],
    ["a key that is there twice", '{"a":1,"b":2,"a":1}'],
    ["a key that is there twice, once escaped", '{"a":1,"\\u0061":1}'],
    ["a key twice further in", '{"x":[{"a":1,"a":1}]}'],
    ["a no-break space", "\u00a0{}"],
  ])("refuses %s", (_what, text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        code: "INVALID_DOCUMENT",
        message: expect.stringMatching(/^Cannot read test document: it /),
      }),
    );
  });

  it("says where it stopped", () => {
    expect(() => parse('{"a":1,"a":2}')).toThrow('the key "a" is there twice (character 8)');
  });

  it.each([
    ["an invalid byte", [0x22, 0xff, 0x22]],
    ["an overlong form", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate in UTF-8", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["half a character", [0x22, 0xc3]],
    ["UTF-16", [0x7b, 0, 0x7d, 0]],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
  ])("refuses %s", (_what, bytes) => {
    expect(() => parseJson(Uint8Array.from(bytes), "x")).toThrow(expect.objectContaining({ code: "INVALID_DOCUMENT" }));
  });

  it("takes 4 MiB and no byte more", () => {
    expect(parse(`"${"a".repeat(DOCUMENT_LIMIT - 2)}"`)).toHaveLength(DOCUMENT_LIMIT - 2);
    expect(() => parse(`"${"a".repeat(DOCUMENT_LIMIT - 1)}"`)).toThrow("4194305 bytes");
  });

  it("refuses nesting that would exhaust the stack", () => {
    expect(parse("[".repeat(200) + "]".repeat(200))).toBeInstanceOf(Array);
    expect(() => parse("[".repeat(2_000_000))).toThrow("levels deep");
    expect(() => parse('{"a":'.repeat(500_000))).toThrow("levels deep");
  });

  it("takes __proto__ for a key like any other", () => {
    const tree = parse('{"__proto__":{"polluted":true},"constructor":1}');
    expect(print(tree)).toBe('{"__proto__":{"polluted":true},"constructor":1}');
    expect("polluted" in {}).toBe(false);
  });
});
