import { SlipwayError } from "../../errors.ts";
import type { Codec } from "./codec.ts";
import { DOCUMENT_LIMIT, parseJson } from "./parse.ts";
import { toJsonValue } from "./plain.ts";
import { Position } from "./position.ts";
import { printJson } from "./print.ts";
import type { JsonValue } from "./value.ts";

/** A kind of document, or of a part of one. */
export interface DocumentFormat<T> {
  readonly codec: Codec<T>;
  /** Rules that no single field can check, on the document as it stands. Throws by `at.error`. */
  readonly check?: (root: JsonValue, at: Position) => void;
}

/** Reads the bytes of a document; `what` names it in messages. */
export function readDocument<T>(format: DocumentFormat<T>, bytes: Uint8Array, what: string): T {
  return readValue(format, parseJson(bytes, what), new Position(`Cannot read ${what}`));
}

/** Reads a value that is parsed already, of plain objects or maps. */
export function readPart<T>(format: DocumentFormat<T>, value: unknown, what: string): T {
  const at = new Position(`Cannot use ${what}`);
  return readValue(format, toJsonValue(value, at), at);
}

/** Writes a document. What cannot be read again is refused. */
export function writeDocument<T>(
  format: DocumentFormat<T>,
  value: T,
  what: string,
  indent: "" | "  ",
): Uint8Array<ArrayBuffer> {
  const at = new Position(`Cannot write ${what}`);
  const checked = readValue(format, toJsonValue(value, at), at);
  const bytes = printJson(format.codec.write(checked), indent);
  if (bytes.byteLength <= DOCUMENT_LIMIT) return bytes;
  throw new SlipwayError(
    "INVALID_DOCUMENT",
    `Cannot write ${what}: it would have ${bytes.byteLength} bytes, and a document may have ${DOCUMENT_LIMIT} at most`,
  );
}

function readValue<T>(format: DocumentFormat<T>, value: JsonValue, at: Position): T {
  format.check?.(value, at);
  return format.codec.read(value, at);
}
