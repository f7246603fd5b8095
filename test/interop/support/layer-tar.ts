const BLOCK = 512;

interface Header {
  readonly offset: number;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

function headerAt(tar: Buffer, offset: number): Header {
  const text = (at: number, length: number): string =>
    tar.toString("latin1", offset + at, offset + at + length).replace(/\0.*$/s, "");
  const prefix = text(345, 155);
  return {
    offset,
    name: prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`,
    type: text(156, 1),
    size: Number.parseInt(text(124, 12), 8),
  };
}

/**
 * Sets the mtime of each whiteout to 0, where containerd 2 has it; containerd 1.6 writes the time of the diff.
 * Everything else stays as it is, byte for byte.
 */
export function withoutWhiteoutTimes(original: Buffer): Buffer {
  const tar = Buffer.from(original);
  let longName: string | undefined;
  for (let offset = 0; offset < tar.length && tar[offset] !== 0; ) {
    const { name, type, size } = headerAt(tar, offset);
    if (type === "x") {
      const body = tar.toString("latin1", offset + BLOCK, offset + BLOCK + size);
      longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(body)?.[1];
    } else {
      if (/(^|\/)\.wh\.[^/]*$/.test(longName ?? name)) {
        tar.write("00000000000\0", offset + 136, "latin1");
        seal(tar, offset);
      }
      longName = undefined;
    }
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return tar;
}

function seal(tar: Buffer, offset: number): void {
  tar.fill(" ", offset + 148, offset + 156);
  let sum = 0;
  for (let i = offset; i < offset + BLOCK; i++) sum += tar[i] ?? 0;
  tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, offset + 148, "latin1");
}
