import { builtinModule } from "../host.ts";

/** The CRC-32 of gzip, continued from `crc`. */
export type Crc32 = (bytes: Uint8Array, crc: number) => number;

/** The host's own CRC-32 where it has one: that of `node:zlib`, four times as fast as one in TypeScript. */
export function hostCrc32(): Crc32 | undefined {
  const { crc32 } = (builtinModule("node:zlib") ?? {}) as { readonly crc32?: Crc32 };
  try {
    // The check value of the algorithm, in two steps: a stand-in would not know it.
    const digits = new TextEncoder().encode("123456789");
    return crc32?.(digits.subarray(4), crc32(digits.subarray(0, 4), 0)) === 0xcbf43926 ? crc32 : undefined;
  } catch {
    return undefined;
  }
}
