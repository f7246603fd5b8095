import { get, promisifyRequest, type UseStore, values } from "idb-keyval";
import { SlipwayError } from "../../errors.ts";
import { checkImage, checkTarget } from "../../images/check.ts";
import type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../../images/store.ts";
import { storageError } from "../host-error.ts";
import { change } from "./transaction.ts";

/** Image names in a database, whose keys they are: their order is that of the UTF-16 code units. */
export class DatabaseImageStore implements ImageStore {
  readonly #use: UseStore;

  constructor(use: UseStore) {
    this.#use = use;
  }

  async get(name: string): Promise<Image> {
    const what = `find image ${JSON.stringify(name)}`;
    const image = await get<Image>(name, this.#use).catch(async (error: unknown) => {
      throw await storageError(error, what);
    });
    if (image === undefined) throw noImage(what);
    return image;
  }

  async list(): Promise<readonly Image[]> {
    return await values<Image>(this.#use).catch(async (error: unknown) => {
      throw await storageError(error, "list images");
    });
  }

  async create(image: Image): Promise<Image> {
    checkImage(image);
    const what = `create image ${JSON.stringify(image.name)}`;
    return await this.#put(image, what, (found) => {
      if (found !== undefined) throw new SlipwayError("ALREADY_EXISTS", `Cannot ${what}: the name is taken`);
    });
  }

  async update(image: Image, { replaces }: UpdateImageOptions = {}): Promise<Image> {
    checkImage(image);
    const what = `update image ${JSON.stringify(image.name)}`;
    return await this.#put(image, what, (found) => {
      if (found === undefined) throw noImage(what);
      checkTarget(found, replaces, "update");
    });
  }

  async delete(name: string, { target }: DeleteImageOptions = {}): Promise<void> {
    const what = `delete image ${JSON.stringify(name)}`;
    await change(this.#use, { what }, async (store) => {
      const found: Image | undefined = await promisifyRequest(store.get(name));
      if (found === undefined) throw noImage(what);
      checkTarget(found, target, "delete");
      store.delete(name);
    });
  }

  /** What is there is checked in the transaction that replaces it: another tab cannot come in between. */
  async #put(image: Image, what: string, check: (found: Image | undefined) => void): Promise<Image> {
    // The caller may change its object while the database is waited for.
    const copy = structuredClone(image);
    await change(this.#use, { what }, async (store) => {
      check(await promisifyRequest<Image | undefined>(store.get(copy.name)));
      store.put(copy, copy.name);
    });
    return copy;
  }
}

const noImage = (what: string): SlipwayError => new SlipwayError("NOT_FOUND", `Cannot ${what}: there is no such name`);
