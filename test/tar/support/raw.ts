import type { ByteSource } from "../../../src/bytes.ts";
import { concatBytes } from "../../../src/bytes.ts";
import type { TarHeader } from "../../../src/tar/entry.ts";
import { type ReadTarOptions, readTar } from "../../../src/tar/index.ts";

/** Fields of a header block as they are written: text, or bytes. */
export interface RawFields {
  readonly name?: string | Uint8Array;
  readonly mode?: string;
  readonly uid?: string | Uint8Array;
  readonly gid?: string;
  readonly size?: string | number | Uint8Array;
  readonly mtime?: string | Uint8Array;
  readonly checksum?: string;
  readonly type?: string;
  readonly linkName?: string;
  readonly magic?: "ustar" | "gnu" | "v7";
  readonly userName?: string;
  readonly groupName?: string;
  readonly deviceMajor?: string | Uint8Array;
  readonly deviceMinor?: string;
  readonly prefix?: string | Uint8Array;
  /** Anything else, at its place. */
  readonly at?: Readonly<Record<number, string | Uint8Array>>;
  /** Sum the bytes as signed ones. */
  readonly signed?: boolean;
}

export const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (c) => c.charCodeAt(0));
const magics = { ustar: "ustar\x0000", gnu: "ustar  \0", v7: "" } as const;

/** A header block with a right checksum, unless one is given. */
export function block(fields: RawFields = {}): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(512);
  const put = (at: number, value: string | Uint8Array | undefined): void => {
    if (value !== undefined) made.set(typeof value === "string" ? bytes(value) : value, at);
  };
  const { size = 0 } = fields;
  put(0, fields.name ?? "file");
  put(100, fields.mode ?? "0000644\0");
  put(108, fields.uid ?? "0000000\0");
  put(116, fields.gid ?? "0000000\0");
  put(124, typeof size === "number" ? `${size.toString(8).padStart(11, "0")}\0` : size);
  put(136, fields.mtime ?? "00000000000\0");
  put(156, fields.type ?? "0");
  put(157, fields.linkName);
  put(257, magics[fields.magic ?? "ustar"]);
  put(265, fields.userName);
  put(297, fields.groupName);
  put(329, fields.deviceMajor);
  put(337, fields.deviceMinor);
  put(345, fields.prefix);
  for (const [at, value] of Object.entries(fields.at ?? {})) put(Number(at), value);
  put(148, "        ");
  let sum = 0;
  for (const byte of made) sum += fields.signed === true && byte > 127 ? byte - 256 : byte;
  put(148, fields.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `);
  return made;
}

/** Content, padded to whole blocks. */
export function padded(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const data = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const all = new Uint8Array(Math.ceil(data.byteLength / 512) * 512);
  all.set(data);
  return all;
}

/** An entry: header and content, whose size is put into the header unless one is given. */
export function entry(fields: RawFields, content: string | Uint8Array = ""): Uint8Array<ArrayBuffer> {
  const data = padded(content);
  const size = typeof content === "string" ? new TextEncoder().encode(content).byteLength : content.byteLength;
  return concatBytes([block({ size, ...fields }), data]);
}

/** One PAX record. */
export function record(keyword: string, value: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const key = new TextEncoder().encode(keyword);
  const data = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const rest = key.byteLength + data.byteLength + 3;
  let size = rest + 1;
  while (size !== rest + String(size).length) size = rest + String(size).length;
  return concatBytes([bytes(`${size} `), key, bytes("="), data, bytes("\n")]);
}

/** A PAX header with these records. */
export function pax(
  records: Readonly<Record<string, string | Uint8Array>> | readonly (readonly [string, string | Uint8Array])[],
  type: "x" | "g" = "x",
): Uint8Array<ArrayBuffer> {
  const list = Array.isArray(records) ? records : Object.entries(records);
  return entry({ type, name: "pax" }, concatBytes(list.map(([keyword, value]) => record(keyword, value))));
}

/** A GNU long name (`L`) or long link name (`K`). */
export function long(type: "L" | "K", name: string): Uint8Array<ArrayBuffer> {
  return entry({ type, name: "././@LongLink", magic: "gnu" }, `${name}\0`);
}

export const end: Uint8Array<ArrayBuffer> = new Uint8Array(1024);

/** An entry that was read, with its whole content. */
export interface ReadEntry {
  readonly header: TarHeader;
  readonly content: Uint8Array;
}

/** Reads all entries of an archive with their contents. */
export async function readAllEntries(source: ByteSource, options?: ReadTarOptions): Promise<ReadEntry[]> {
  const read: ReadEntry[] = [];
  for await (const { content, ...header } of readTar(source, options)) {
    read.push({ header, content: await collect(content()) });
  }
  return read;
}

/** All chunks as one. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return concatBytes(all);
}

/** The bytes in chunks of `size`. */
export function* split(data: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < data.byteLength; at += size) yield data.subarray(at, at + size);
}
