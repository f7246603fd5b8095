import { concatBytes } from "../../../src/bytes.ts";
import { crc32 } from "../../../src/compress/index.ts";

/** The fields of both headers of an entry. */
export interface RawHeader {
  readonly name: string | Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly extra: Uint8Array;
}

/** An entry as it is to be, also where that is wrong. */
export interface RawEntry extends Partial<RawHeader> {
  readonly name: string | Uint8Array;
  /** What lies in the zip. */
  readonly packed?: Uint8Array | string;
  /** System, in the upper byte of the version that it was made by. Default Unix. */
  readonly host?: number;
  /** `st_mode`. */
  readonly unixMode?: number;
  /** Fields of the local header that are others. */
  readonly local?: Partial<RawHeader>;
  /** Where the central directory says that it is. */
  readonly offset?: number;
}

/** What the end record says, where it is to be another. */
export interface RawEnd {
  readonly comment?: Uint8Array;
  readonly part?: number;
  readonly onThisPart?: number;
  readonly entries?: number;
  readonly size?: number;
  readonly offset?: number;
  /** What comes before the first entry. */
  readonly prefix?: Uint8Array;
  /** What comes between the last entry and the central directory. */
  readonly between?: Uint8Array;
}

const encoder = new TextEncoder();
const bytes = (value: string | Uint8Array): Uint8Array => (typeof value === "string" ? encoder.encode(value) : value);

/** Numbers of two (`[2, …]`) or four bytes each, lowest byte first. */
function numbers(...fields: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array {
  const out: number[] = [];
  for (const [size, value] of fields) for (let i = 0; i < size; i++) out.push(Math.floor(value / 256 ** i) % 256);
  return Uint8Array.from(out);
}

/** An extra field. */
export const extra = (id: number, ...fields: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array => {
  const data = numbers(...fields);
  return concatBytes([numbers([2, id], [2, data.byteLength]), data]);
};

/** A zip, right or wrong. */
export function rawZip(entries: readonly RawEntry[], end: RawEnd = {}): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [end.prefix ?? new Uint8Array(0)];
  const central: Uint8Array[] = [];
  let at = parts[0]?.byteLength ?? 0;
  for (const entry of entries) {
    const packed = bytes(entry.packed ?? "");
    const header: RawHeader = {
      flags: 1 << 11,
      method: 0,
      crc: crc32(packed),
      packedSize: packed.byteLength,
      size: packed.byteLength,
      extra: new Uint8Array(0),
      ...entry,
    };
    const common = ({ flags, method, crc, packedSize, size, name, extra: more }: RawHeader): Uint8Array =>
      numbers(
        ...([
          [2, 20],
          [2, flags],
          [2, method],
          [2, 0],
          [2, 33],
          [4, crc],
          [4, packedSize],
          [4, size],
        ] as const),
        ...([
          [2, bytes(name).byteLength],
          [2, more.byteLength],
        ] as const),
      );
    const local = { ...header, ...entry.local };
    const record = concatBytes([numbers([4, 0x04034b50]), common(local), bytes(local.name), local.extra, packed]);
    const mode = entry.unixMode ?? 0;
    central.push(
      concatBytes([
        numbers([4, 0x02014b50], [2, ((entry.host ?? 3) << 8) | 20]),
        common(header),
        numbers([2, 0], [2, 0], [2, 0], [4, mode * 65536], [4, entry.offset ?? at]),
        bytes(header.name),
        header.extra,
      ]),
    );
    parts.push(record);
    at += record.byteLength;
  }
  const between = end.between ?? new Uint8Array(0);
  const directory = concatBytes(central);
  const comment = end.comment ?? new Uint8Array(0);
  const count = end.entries ?? entries.length;
  const tail = numbers(
    ...([
      [4, 0x06054b50],
      [2, end.part ?? 0],
      [2, end.part ?? 0],
      [2, end.onThisPart ?? count],
      [2, count],
    ] as const),
    ...([
      [4, end.size ?? directory.byteLength],
      [4, end.offset ?? at + between.byteLength],
    ] as const),
    [2, comment.byteLength],
  );
  return concatBytes([...parts, between, directory, tail, comment]);
}
