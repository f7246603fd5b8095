import fc from "fast-check";
import type { TarEntryType, TarHeader } from "../../../src/tar/entry.ts";
import { decodeName } from "../../../src/tar/names.ts";

/** Bytes without NUL, most of them ordinary, some not UTF-8, lengths around the sizes of fields. */
const nameBytes = (most: number): fc.Arbitrary<Uint8Array> =>
  fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(..."abcxyz019._-/ ").map((c) => [c.charCodeAt(0)]) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 255 }).map((byte) => [byte]) },
        {
          weight: 1,
          arbitrary: fc.constantFrom("é", "日本", "😀", "\ufeff").map((c) => [...new TextEncoder().encode(c)]),
        },
      ),
      { minLength: 1, maxLength: most, size: "max" },
    )
    .map((parts) => Uint8Array.from(parts.flat()));

const lengths = fc.constantFrom(3, 20, 98, 99, 100, 101, 102, 130, 157, 158, 256, 300);
const asciiName: fc.Arbitrary<string> = lengths.chain((length) =>
  fc.string({ unit: fc.constantFrom(..."abcdef/."), minLength: Math.max(1, length - 2), maxLength: length }),
);

/** Names of entries: any bytes but NUL, without `/` at the end. */
export const entryName: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 3, arbitrary: asciiName },
    { weight: 1, arbitrary: lengths.chain((length) => nameBytes(length)).map(decodeName) },
  )
  .map((name) => name.replace(/\/+$/, ""))
  .filter((name) => name !== "");

const text = fc.oneof({ weight: 3, arbitrary: asciiName }, { weight: 1, arbitrary: nameBytes(120).map(decodeName) });
const ownerName = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom(..."abc_$/"), minLength: 1, maxLength: 34 }) },
  { weight: 1, arbitrary: nameBytes(10).map(decodeName) },
);
const id = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(0, 1000, 65534, 0o7777777) },
  { weight: 1, arbitrary: fc.constantFrom(0o10000000, 2 ** 32 - 2, -2) },
);
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 2 ** 31 }) },
  { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 0 }) },
  { weight: 1, arbitrary: fc.constantFrom(0o77777777777, 0o100000000000, -1, -62135596801) },
);
const recordValue = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(2000).fill(0)));
const recordName = (prefix: string): fc.Arbitrary<string> =>
  nameBytes(12).map((bytes) => prefix + decodeName(bytes).replaceAll("=", "-"));

const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Headers of all types with everything in range of what both our writer and Go's take. */
export const tarHeader: fc.Arbitrary<TarHeader> = fc
  .record({
    name: entryName,
    type: fc.constantFrom<TarEntryType>("file", "link", "symlink", "char", "block", "directory", "fifo"),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: id,
    gid: id,
    size: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 2000 }) }, fc.constantFrom(511, 512, 513, 65536)),
    mtime: time,
    nanoseconds: rarely(fc.oneof(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom(1, 500_000_000))),
    linkName: text,
    userName: rarely(ownerName),
    groupName: rarely(ownerName),
    deviceMajor: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(0o7777777)),
    deviceMinor: fc.integer({ min: 0, max: 0o7777777 }),
    xattrs: rarely(fc.array(fc.tuple(recordName("user."), recordValue), { minLength: 1, maxLength: 3 })),
    pax: rarely(fc.array(fc.tuple(recordName("VENDOR."), recordValue), { minLength: 1, maxLength: 3 })),
  })
  .map((drawn) => {
    const { type } = drawn;
    const { name, mode, uid, gid, mtime } = drawn;
    return {
      name,
      type,
      mode,
      uid,
      gid,
      size: type === "file" ? drawn.size : 0,
      mtime,
      ...(drawn.nanoseconds === undefined ? {} : { mtimeNanoseconds: drawn.nanoseconds }),
      ...(type === "link" || type === "symlink" ? { linkName: drawn.linkName } : {}),
      ...(drawn.userName === undefined ? {} : { userName: drawn.userName }),
      ...(drawn.groupName === undefined ? {} : { groupName: drawn.groupName }),
      ...(type === "char" || type === "block"
        ? { deviceMajor: drawn.deviceMajor, deviceMinor: drawn.deviceMinor }
        : {}),
      ...(drawn.xattrs === undefined ? {} : { xattrs: new Map(drawn.xattrs) }),
      ...(drawn.pax === undefined ? {} : { pax: new Map(drawn.pax) }),
    };
  });
