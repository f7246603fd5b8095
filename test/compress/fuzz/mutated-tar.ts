import { concatBytes } from "../../../src/bytes.ts";
import { block, end, entry, long, pax, type RawFields } from "../../tar/support/raw.ts";
import { cook, type Random, randomPart } from "../support/recipes.ts";

/**
 * A tar of entries of all kinds, whole or damaged: cut off, with bytes changed, with sizes in its headers that are not true, or with
 * something in it that is no tar.
 */
export function mutatedTar(random: Random, most: number): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const total = random.below(most);
  for (let size = 0; size < total; ) {
    const part = anyPart(random, total - size);
    parts.push(part);
    size += part.byteLength;
  }
  if (random.below(3) > 0) parts.push(end);
  const tar = concatBytes(parts);
  switch (random.below(4)) {
    case 0:
      return tar.slice(0, random.below(tar.byteLength + 1));
    case 1:
      for (let i = random.below(20); i > 0; i--) tar[random.below(tar.byteLength)] = random.next();
      return tar;
    default:
      return tar;
  }
}

function anyPart(random: Random, room: number): Uint8Array {
  const name = `directory-${random.below(9)}/${random.next()}`;
  switch (random.below(12)) {
    case 0:
      return concatBytes([
        pax({ path: `${"long/".repeat(random.below(300))}${name}` }),
        anyEntry(random, room, { name }),
      ]);
    case 1: {
      // The size in the PAX header counts, not the one in the header after it.
      const content = anyContent(random, room);
      const true_ = random.below(3) > 0 ? content.byteLength : random.next();
      return concatBytes([
        pax({ size: String(true_) }),
        entry({ name, size: random.below(2) === 0 ? 0 : content.byteLength }, content),
      ]);
    }
    case 2:
      return concatBytes([long("L", `${"long/".repeat(random.below(300))}${name}`), anyEntry(random, room, { name })]);
    case 3:
      return block({
        name,
        type: random.pick(["1", "2", "3", "4", "5", "6"]),
        linkName: "target",
        size: random.below(2) * 700,
      });
    case 4: {
      // A GNU sparse file with blocks of its map, of which the last says that it is.
      const maps = random.below(4);
      const map = (last: boolean): Uint8Array => new Uint8Array(512).fill(last ? 0 : 1, 504, 505);
      return concatBytes([
        block({ name, type: "S", size: 0, magic: "gnu", at: { 482: maps > 0 ? "\x01" : "\0" } }),
        ...Array.from({ length: maps }, (_, i) => map(i === maps - 1)),
      ]);
    }
    case 5:
      return pax({ comment: "c".repeat(random.below(2000)) }, "g");
    case 6:
      return cook([randomPart(random, random.below(Math.min(room, 5000) + 1))]);
    case 7:
      return block({
        name,
        size: random.pick([1, 511, 2 ** 21, 2 ** 33 - 1, Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0)]),
      });
    default:
      return anyEntry(random, room, { name });
  }
}

const anyEntry = (random: Random, room: number, fields: RawFields): Uint8Array =>
  entry(fields, anyContent(random, room));

function anyContent(random: Random, room: number): Uint8Array {
  const most = random.below(8) === 0 ? room : Math.min(room, 40_000);
  return cook([randomPart(random, random.below(most + 1))]);
}
