import { SlipwayError } from "../errors.ts";
import { checkImage, checkTarget } from "./check.ts";
import type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "./store.ts";

/** Image names in memory: gone when the process or page is. */
export function createMemoryImageStore(): ImageStore {
  return new MemoryImageStore();
}

class MemoryImageStore implements ImageStore {
  readonly #images = new Map<string, Image>();

  async get(name: string): Promise<Image> {
    return structuredClone(this.#existing(name, "find"));
  }

  async list(): Promise<readonly Image[]> {
    return [...this.#images.values()].sort(byName).map((image) => structuredClone(image));
  }

  async create(image: Image): Promise<Image> {
    checkImage(image);
    if (this.#images.has(image.name)) {
      throw new SlipwayError("ALREADY_EXISTS", `Cannot create image ${JSON.stringify(image.name)}: the name is taken`);
    }
    return this.#put(image);
  }

  async update(image: Image, { replaces }: UpdateImageOptions = {}): Promise<Image> {
    checkImage(image);
    checkTarget(this.#existing(image.name, "update"), replaces, "update");
    return this.#put(image);
  }

  async delete(name: string, { target }: DeleteImageOptions = {}): Promise<void> {
    checkTarget(this.#existing(name, "delete"), target, "delete");
    this.#images.delete(name);
  }

  #existing(name: string, action: string): Image {
    const image = this.#images.get(name);
    if (image !== undefined) return image;
    throw new SlipwayError("NOT_FOUND", `Cannot ${action} image ${JSON.stringify(name)}: there is no such name`);
  }

  // Copies go in and come out: a caller that changes its object must not change the store.
  #put(image: Image): Image {
    this.#images.set(image.name, structuredClone(image));
    return structuredClone(image);
  }
}

/** By UTF-16 code units: the same everywhere, unlike a locale's order. */
function byName(a: Image, b: Image): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
