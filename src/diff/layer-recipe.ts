import type { HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import type { TarHeader } from "../tar/index.ts";
import type { LayerEntry } from "./layer-entries.ts";

/** Characters that are hashed at a time: a call for each entry would cost more than the entry. */
const BATCH = 32 * 1024;

/** What a layer is made of, without its contents: two layers with the same recipe are the same. */
export class LayerRecipe {
  readonly #hasher: ReturnType<HasherFactory>;
  #lines = "";

  constructor(hasher: HasherFactory) {
    this.#hasher = hasher("sha256");
  }

  /** @param content digest of what follows the header, if anything does */
  add(header: TarHeader, content: Digest | undefined): void {
    const { name, type, mode, uid, gid, size, mtime, linkName, deviceMajor, deviceMinor, xattrs } = header;
    const fields = [name, type, mode, uid, gid, size, mtime, content, linkName, deviceMajor, deviceMinor];
    const more = xattrs === undefined ? [] : [...xattrs].map(([key, value]) => [key, [...value]]);
    // Also names that are no Unicode are told apart: JSON escapes lone surrogates.
    this.#lines += `${JSON.stringify([...fields, more])}\n`;
    if (this.#lines.length >= BATCH) this.#flush();
  }

  /** To be asked once. */
  digest(): Digest {
    this.#flush();
    return toDigest("sha256", this.#hasher.digest());
  }

  #flush(): void {
    this.#hasher.update(new TextEncoder().encode(this.#lines));
    this.#lines = "";
  }
}

/** The recipe of a layer with these entries. */
export function recipeOf(entries: Iterable<LayerEntry>, hasher: HasherFactory): Digest {
  const recipe = new LayerRecipe(hasher);
  for (const { header, file } of entries) recipe.add(header, file?.content);
  return recipe.digest();
}
