import type { HasherFactory } from "../hash/hasher.ts";
import { toDigest } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import { encodeHeader, type TarHeader } from "../tar/index.ts";
import type { LayerEntry } from "./layer-entries.ts";

/** What a layer is made of, without its contents: two layers with the same recipe are the same. */
export class LayerRecipe {
  readonly #hasher: ReturnType<HasherFactory>;

  constructor(hasher: HasherFactory) {
    this.#hasher = hasher("sha256");
  }

  /** @param content digest of what follows the header, if anything does */
  add(header: TarHeader, content: Digest | undefined): void {
    this.#hasher.update(encodeHeader(header));
    if (content !== undefined) this.#hasher.update(new TextEncoder().encode(content));
  }

  /** To be asked once. */
  digest(): Digest {
    return toDigest("sha256", this.#hasher.digest());
  }
}

/** The recipe of a layer with these entries. */
export function recipeOf(entries: Iterable<LayerEntry>, hasher: HasherFactory): Digest {
  const recipe = new LayerRecipe(hasher);
  for (const { header, file } of entries) recipe.add(header, file?.content);
  return recipe.digest();
}
