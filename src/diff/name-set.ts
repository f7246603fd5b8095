/** Bytes of a block. */
const BLOCK = 64 * 1024;

/** Bytes before a name: the number of its directory, and its length. */
const HEAD = 5;

/**
 * Names in directories, which are numbers: a set in some 20 bytes for each, with its name, where a `Set` for each directory takes
 * a hundred. Nothing is taken out of it.
 */
export class NameSet {
  readonly #blocks: Uint8Array[] = [];
  #used = BLOCK;
  /** Where each name lies, + 1; 0 where nothing is. Their number is a power of two. */
  #slots = new Uint32Array(64);
  #size = 0;
  /** Names that are long or not ASCII. */
  readonly #others = new Set<string>();
  #directories = 0;

  /** The number of a new directory. */
  directory(): number {
    return this.#directories++;
  }

  has(directory: number, name: string): boolean {
    if (!isPlain(name)) return this.#others.has(`${directory}/${name}`);
    return this.#slots[this.#slot(directory, name)] !== 0;
  }

  add(directory: number, name: string): void {
    if (!isPlain(name)) {
      this.#others.add(`${directory}/${name}`);
      return;
    }
    const slot = this.#slot(directory, name);
    if (this.#slots[slot] !== 0) return;
    this.#slots[slot] = this.#write(directory, name) + 1;
    if (3 * ++this.#size >= 2 * this.#slots.length) this.#grow();
  }

  /** The slot of a name, or the one where it would be. */
  #slot(directory: number, name: string): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(directory, name) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot] ?? 0;
      if (place === 0 || this.#isAt(place - 1, directory, name)) return slot;
    }
  }

  #isAt(place: number, directory: number, name: string): boolean {
    const block = this.#blocks[Math.floor(place / BLOCK)];
    const at = place % BLOCK;
    if (block === undefined || block[at + 4] !== name.length || directoryAt(block, at) !== directory) return false;
    for (let i = 0; i < name.length; i++) if (block[at + HEAD + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  #write(directory: number, name: string): number {
    if (this.#used + HEAD + name.length > BLOCK) {
      this.#blocks.push(new Uint8Array(BLOCK));
      this.#used = 0;
    }
    const block = this.#blocks.at(-1) ?? new Uint8Array(BLOCK);
    const at = this.#used;
    for (let i = 0; i < 4; i++) block[at + i] = directory >>> (8 * i);
    block[at + 4] = name.length;
    for (let i = 0; i < name.length; i++) block[at + HEAD + i] = name.charCodeAt(i);
    this.#used += HEAD + name.length;
    return (this.#blocks.length - 1) * BLOCK + at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(2 * before.length);
    const mask = this.#slots.length - 1;
    for (const place of before) {
      if (place === 0) continue;
      const block = this.#blocks[Math.floor((place - 1) / BLOCK)] ?? new Uint8Array(BLOCK);
      const at = (place - 1) % BLOCK;
      const name = String.fromCharCode(...block.subarray(at + HEAD, at + HEAD + (block[at + 4] ?? 0)));
      let slot = hashOf(directoryAt(block, at), name) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = place;
    }
  }
}

function directoryAt(block: Uint8Array, at: number): number {
  const low = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8) | ((block[at + 2] ?? 0) << 16);
  return low + 0x1000000 * (block[at + 3] ?? 0);
}

function isPlain(name: string): boolean {
  if (name.length > 0xff) return false;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** FNV-1a, with its upper bits brought down. */
function hashOf(directory: number, name: string): number {
  let hash = Math.imul(directory ^ 0x811c9dc5, 0x01000193);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
