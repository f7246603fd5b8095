import type { TarHeader } from "../../../src/tar/entry.ts";
import { decodeName, encodeName } from "../../../src/tar/names.ts";

/** A header in JSON, its texts percent-encoded bytes, as the golden files and the programs compared with have it. */
export interface JsonHeader extends Omit<TarHeader, "xattrs" | "pax"> {
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly pax?: Readonly<Record<string, string>>;
}

/** The header that the JSON stands for. */
export function fromJson({ xattrs, pax, ...header }: JsonHeader): TarHeader {
  return {
    ...header,
    name: text(header.name),
    ...(header.linkName === undefined ? {} : { linkName: text(header.linkName) }),
    ...(header.userName === undefined ? {} : { userName: text(header.userName) }),
    ...(header.groupName === undefined ? {} : { groupName: text(header.groupName) }),
    ...(xattrs === undefined ? {} : { xattrs: records(xattrs) }),
    ...(pax === undefined ? {} : { pax: records(pax) }),
  };
}

/** The header in JSON. */
export function toJson({ xattrs, pax, ...header }: TarHeader): JsonHeader {
  return {
    ...header,
    name: percent(encodeName(header.name)),
    ...(header.linkName === undefined ? {} : { linkName: percent(encodeName(header.linkName)) }),
    ...(header.userName === undefined ? {} : { userName: percent(encodeName(header.userName)) }),
    ...(header.groupName === undefined ? {} : { groupName: percent(encodeName(header.groupName)) }),
    ...(xattrs === undefined ? {} : { xattrs: object(xattrs) }),
    ...(pax === undefined ? {} : { pax: object(pax) }),
  };
}

/** Every byte but letters, digits and a few signs as %XX. */
export function percent(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._/-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** The bytes of a percent-encoded text. */
export function unpercent(encoded: string): Uint8Array {
  return Uint8Array.from(encoded.match(/%..|[^%]/gs) ?? [], (part) =>
    part.length === 1 ? part.charCodeAt(0) : Number.parseInt(part.slice(1), 16),
  );
}

function text(encoded: string): string {
  return decodeName(unpercent(encoded));
}

function records(encoded: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(encoded).map(([name, value]) => [text(name), unpercent(value)]));
}

function object(map: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...map].map(([name, value]) => [percent(encodeName(name)), percent(value)]));
}
