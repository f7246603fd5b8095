import { SlipwayError } from "../../errors.ts";
import { isWellFormed, type JsonMap, type JsonNumber, type JsonValue } from "./value.ts";

/** Most bytes that a document may have: 4 MiB, as registries and containerd have it (CVE-2023-25153). */
export const DOCUMENT_LIMIT: number = 4 * 1024 * 1024;

/** Most levels of nesting; image documents need about six. */
const DEPTH_LIMIT = 200;

const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/**
 * Reads JSON (RFC 8259) strictly: UTF-8 without a byte order mark, nothing after the value, no key twice in one object, no
 * half characters. What different parsers read differently is no document to trust.
 * @param what names the document in messages
 * @throws SlipwayError `INVALID_DOCUMENT`
 */
export function parseJson(bytes: Uint8Array, what: string): JsonValue {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new SlipwayError("INVALID_DOCUMENT", `Cannot read ${what}: ${reason}`, { cause });
  };
  if (bytes.byteLength > DOCUMENT_LIMIT) {
    refuse(`it has ${bytes.byteLength} bytes, and a document may have ${DOCUMENT_LIMIT} at most`);
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) refuse("it begins with a byte order mark");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    refuse("it is not UTF-8", cause);
  }
  try {
    return new JsonReader(text).document();
  } catch (error) {
    return error instanceof SyntaxError
      ? refuse(`it is not valid JSON: ${error.message}`)
      : refuse(String(error), error);
  }
}

/** One pass over the text. Throws `SyntaxError`, whose message goes into ours. */
class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#skipWhitespace();
    if (this.#at < this.#text.length) throw this.#error("something follows the value");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > DEPTH_LIMIT) throw this.#error(`it is nested more than ${DEPTH_LIMIT} levels deep`);
    this.#skipWhitespace();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#literal("true", true);
      case "f":
        return this.#literal("false", false);
      case "n":
        return this.#literal("null", null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonMap {
    const members = new Map<string, JsonValue>();
    this.#at++;
    this.#skipWhitespace();
    if (this.#take("}")) return members;
    for (;;) {
      this.#skipWhitespace();
      if (this.#text[this.#at] !== '"') throw this.#error("a key is expected");
      const start = this.#at;
      const key = this.#string();
      if (members.has(key)) {
        this.#at = start;
        throw this.#error(`the key ${JSON.stringify(key.slice(0, 100))} is there twice`);
      }
      this.#skipWhitespace();
      if (!this.#take(":")) throw this.#error("a colon is expected");
      members.set(key, this.#value(depth + 1));
      this.#skipWhitespace();
      if (this.#take("}")) return members;
      if (!this.#take(",")) throw this.#error("a comma or a closing brace is expected");
    }
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    this.#skipWhitespace();
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      this.#skipWhitespace();
      if (this.#take("]")) return items;
      if (!this.#take(",")) throw this.#error("a comma or a closing bracket is expected");
    }
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (; this.#text[end] !== '"'; end++) {
      if (end >= this.#text.length) throw this.#error("a string does not end");
      if (this.#text[end] === "\\") end++;
    }
    let value: unknown;
    try {
      // The engine's own parser knows escapes, and refuses wrong ones and control characters.
      value = JSON.parse(this.#text.slice(start, end + 1));
    } catch {
      throw this.#error("a string has a wrong escape or a control character");
    }
    if (typeof value !== "string" || !isWellFormed(value)) throw this.#error("a string has half a surrogate pair");
    this.#at = end + 1;
    return value;
  }

  #number(): number | JsonNumber {
    NUMBER.lastIndex = this.#at;
    const text = NUMBER.exec(this.#text)?.[0];
    if (text === undefined) {
      throw this.#error(this.#at >= this.#text.length ? "it ends too early" : "a value is expected");
    }
    this.#at += text.length;
    const value = Number(text);
    return String(value) === text ? value : { numberText: text };
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("a value is expected");
    this.#at += word.length;
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #skipWhitespace(): void {
    WHITESPACE.lastIndex = this.#at;
    WHITESPACE.test(this.#text);
    this.#at = WHITESPACE.lastIndex;
  }

  #error(problem: string): SyntaxError {
    return new SyntaxError(`${problem} (character ${this.#at + 1})`);
  }
}
