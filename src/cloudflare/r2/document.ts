import { concatBytes } from "../../bytes.ts";
import { SlipwayError } from "../../errors.ts";

/** A record of fields and bytes: JSON in one line, and what follows it. */
export interface R2Document {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
}

const NEWLINE = 10;

export function encodeDocument(fields: object, bytes: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  return concatBytes([new TextEncoder().encode(`${JSON.stringify(fields)}\n`), bytes]);
}

/** @param name of the object, for messages */
export function decodeDocument(name: string, record: Uint8Array): R2Document {
  const end = record.indexOf(NEWLINE);
  let fields: unknown;
  try {
    fields = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(record.subarray(0, Math.max(end, 0))));
  } catch (error) {
    throw damaged(name, "it does not begin with a line of JSON", error);
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields))
    throw damaged(name, "it is not an object");
  return { fields: { ...fields }, bytes: record.subarray(end + 1) };
}

export function damaged(name: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("INVALID_DOCUMENT", `Cannot read ${name}: ${why}; delete that object`, { cause });
}

/** A number of bytes or of milliseconds. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Strings by name. */
export function isLabels(value: unknown): value is Readonly<Record<string, string>> {
  return (
    typeof value === "object" && value !== null && Object.values(value).every((label) => typeof label === "string")
  );
}
