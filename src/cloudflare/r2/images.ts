import { SlipwayError } from "../../errors.ts";
import { digestOf, pureHasher } from "../../hash/index.ts";
import { checkImage, checkTarget } from "../../images/check.ts";
import type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../../images/store.ts";
import { damaged } from "./document.ts";
import type { R2Records } from "./records.ts";

/** Image names, one record each. */
export class R2Images implements ImageStore {
  readonly #records: R2Records;

  constructor(records: R2Records) {
    this.#records = records;
  }

  async get(name: string): Promise<Image> {
    return (await this.#existing(name, "find")).image;
  }

  async list(): Promise<readonly Image[]> {
    const images: Image[] = [];
    for await (const { key, notes } of this.#records.list()) {
      const text = notes.summary ?? decode(await this.#records.read(key));
      if (text !== undefined) images.push(parse(key, text));
    }
    return images.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(image: Image): Promise<Image> {
    checkImage(image);
    const text = JSON.stringify(image);
    if ((await this.#records.create(keyOf(image.name), encode(text), { summary: text })) !== undefined) return image;
    throw new SlipwayError("ALREADY_EXISTS", `Cannot create image ${JSON.stringify(image.name)}: the name is taken`);
  }

  async update(image: Image, { replaces }: UpdateImageOptions = {}): Promise<Image> {
    checkImage(image);
    const text = JSON.stringify(image);
    for (;;) {
      const { image: known, etag } = await this.#existing(image.name, "update");
      checkTarget(known, replaces, "update");
      // Another who builds the same may have written it just now.
      if (JSON.stringify(known) === text) return image;
      const replaced = await this.#records.replace(keyOf(image.name), etag, encode(text), { summary: text });
      if (replaced !== undefined) return image;
    }
  }

  async delete(name: string, { target }: DeleteImageOptions = {}): Promise<void> {
    for (;;) {
      const { image: found, etag } = await this.#existing(name, "delete");
      checkTarget(found, target, "delete");
      if (await this.#records.remove(keyOf(name), etag)) return;
    }
  }

  async #existing(name: string, action: string): Promise<{ readonly image: Image; readonly etag: string }> {
    const record = await this.#records.read(keyOf(name));
    const text = decode(record);
    if (record !== undefined && text !== undefined) return { image: parse(name, text), etag: record.etag };
    throw new SlipwayError("NOT_FOUND", `Cannot ${action} image ${JSON.stringify(name)}: there is no such name`);
  }
}

/** R2 takes keys of 1024 bytes; this leaves room for prefixes. */
const KEY_LIMIT = 512;

/** The name in characters that mean nothing to anybody. What does not fit is told apart by its hash; the record has the name. */
function keyOf(name: string): string {
  const bytes = encode(name);
  let key = "";
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    key += /^[A-Za-z0-9_-]$/.test(char) ? char : `%${byte.toString(16).padStart(2, "0")}`;
  }
  // A lone surrogate is no character, but may be part of a name; UTF-8 has no bytes for it.
  if (key.length <= KEY_LIMIT && decode({ bytes }) === name) return key;
  const units = new Uint8Array(name.length * 2);
  const view = new DataView(units.buffer);
  for (let i = 0; i < name.length; i++) view.setUint16(i * 2, name.charCodeAt(i));
  return `${key.slice(0, KEY_LIMIT)}~${digestOf(units, pureHasher).replace("sha256:", "")}`;
}

function parse(name: string, text: string): Image {
  try {
    const image = JSON.parse(text) as Image;
    checkImage(image);
    return image;
  } catch (error) {
    throw damaged(`image ${name}`, "it is not the record of an image", error);
  }
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const decode = (record: { readonly bytes: Uint8Array } | undefined): string | undefined =>
  record === undefined ? undefined : new TextDecoder("utf-8", { ignoreBOM: true }).decode(record.bytes);
