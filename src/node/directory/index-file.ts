import { join } from "node:path";
import { DOCUMENT_LIMIT } from "../../content/read.ts";
import { SlipwayError } from "../../errors.ts";
import { checkImage, checkTarget } from "../../images/check.ts";
import type { DeleteImageOptions, Image, ImageStore, UpdateImageOptions } from "../../images/store.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { readIfThere, replaceFile } from "./files.ts";
import { entryOf, hasName, type IndexEntry, imageOf, nameOfEntry, parseEntry } from "./index-entries.ts";
import { completeLayout, EMPTY_INDEX, INDEX_LOCK, type LayoutPaths } from "./layout.ts";
import type { Locks } from "./locks.ts";

/** What {@link IndexFileImages} works with. */
export interface IndexFileOptions {
  readonly paths: LayoutPaths;
  readonly locks: Locks;
  readonly durable: boolean;
}

/** An `index.json`, whatever else it has besides its entries. */
interface IndexDocument {
  readonly [field: string]: unknown;
  readonly manifests: readonly IndexEntry[];
}

/**
 * The images of a layout's `index.json`: one entry per name. Entries without a name, and fields that are not known, stay as
 * they are. Each change reads and replaces the file under a lock.
 */
export class IndexFileImages implements ImageStore {
  readonly #options: IndexFileOptions;

  constructor(options: IndexFileOptions) {
    this.#options = options;
  }

  async get(name: string): Promise<Image> {
    const entry = (await this.#read()).manifests.find((each) => hasName(each, name));
    if (entry === undefined) throw notFound(name);
    return imageOf(entry, this.#options.paths.index);
  }

  async list(): Promise<readonly Image[]> {
    const images = new Map<string, Image>();
    for (const entry of (await this.#read()).manifests) {
      const name = nameOfEntry(entry);
      // Several entries of one name: `get` finds the first.
      if (name !== undefined && !images.has(name)) images.set(name, imageOf(entry, this.#options.paths.index));
    }
    return [...images.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What all entries point to, with a name or without. */
  async targets(): Promise<readonly Descriptor[]> {
    return (await this.#read()).manifests.map((entry) => parseEntry(entry, this.#options.paths.index));
  }

  create(image: Image): Promise<Image> {
    return this.#change(image, (entries) => {
      if (entries.some((entry) => hasName(entry, image.name))) {
        throw new SlipwayError("ALREADY_EXISTS", `Cannot create image ${image.name}: there is one of that name`);
      }
      return [...entries, entryOf(image, entries)];
    });
  }

  update(image: Image, { replaces }: UpdateImageOptions = {}): Promise<Image> {
    return this.#change(image, (entries) => {
      const first = entries.findIndex((entry) => hasName(entry, image.name));
      const previous = entries[first];
      if (previous === undefined) throw notFound(image.name);
      if (replaces !== undefined) checkTarget(imageOf(previous, this.#options.paths.index), replaces, "update");
      const others = entries.filter((entry) => !hasName(entry, image.name));
      return entries.flatMap((entry, i) =>
        i === first ? [entryOf(image, others, entry)] : hasName(entry, image.name) ? [] : [entry],
      );
    });
  }

  async delete(name: string, { target }: DeleteImageOptions = {}): Promise<void> {
    await this.#replace((entries) => {
      const found = entries.find((entry) => hasName(entry, name));
      if (found === undefined) throw notFound(name);
      if (target !== undefined) checkTarget(imageOf(found, this.#options.paths.index), target, "delete");
      return entries.filter((entry) => !hasName(entry, name));
    });
  }

  async #change(image: Image, change: (entries: readonly IndexEntry[]) => readonly IndexEntry[]): Promise<Image> {
    checkImage(image);
    await this.#replace(change);
    return image;
  }

  #replace(change: (entries: readonly IndexEntry[]) => readonly IndexEntry[]): Promise<void> {
    const { locks, paths, durable } = this.#options;
    return locks.exclusive(INDEX_LOCK, async () => {
      const index = await this.#read();
      const changed = { ...index, manifests: change(index.manifests) };
      const bytes = new TextEncoder().encode(`${JSON.stringify(changed, null, 2)}\n`);
      await replaceFile(
        { directory: paths.root, name: "index.json" },
        { directory: paths.temporary, name: INDEX_LOCK },
        bytes,
        durable,
      );
      // It was empty until now, and may have been removed as such by another process since it was opened.
      await completeLayout(paths, durable);
    });
  }

  /**
   * What stands for an index that is not there: an empty one where the layout was removed as such by another process, marker first. A
   * layout with its marker has lost its index, and nobody knows what its images are; unless it was made anew between the two looks.
   */
  async #whileAbsent(): Promise<Uint8Array | undefined> {
    const { paths } = this.#options;
    return (await readIfThere(paths.marker)) === undefined ? EMPTY_INDEX : await readIfThere(paths.index);
  }

  async #read(): Promise<IndexDocument> {
    const path = join(this.#options.paths.index);
    const refuse = (why: string, cause?: unknown): SlipwayError =>
      new SlipwayError("INVALID_DOCUMENT", `Cannot read ${path}: ${why}`, { cause });
    const bytes = (await readIfThere(path)) ?? (await this.#whileAbsent());
    if (bytes === undefined) {
      throw refuse("it is not there, so what the layout's images are is not known; restore it, or remove the layout");
    }
    if (bytes.byteLength > DOCUMENT_LIMIT) throw refuse(`it is longer than ${DOCUMENT_LIMIT} bytes`);
    let document: unknown;
    try {
      document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (error) {
      throw refuse("it is not JSON", error);
    }
    try {
      // What is nested so deeply that it could not be written again must not be read as if all were well.
      JSON.stringify(document);
    } catch (error) {
      throw refuse("it is nested too deeply", error);
    }
    if (typeof document !== "object" || document === null || Array.isArray(document))
      throw refuse("it is not an object");
    if ("config" in document || "layers" in document) {
      throw new SlipwayError("AMBIGUOUS_DOCUMENT", `Cannot read ${path}: it could be a manifest as well as an index`);
    }
    // Go writes a list without elements as null. One that is not there at all is no empty one: a collection would remove everything.
    const manifests: unknown = "manifests" in document ? (document.manifests ?? []) : undefined;
    if (!Array.isArray(manifests)) throw refuse("manifests is not a list");
    return { ...document, manifests: manifests.map((entry: unknown) => checkEntry(entry, refuse)) };
  }
}

function checkEntry(entry: unknown, refuse: (why: string) => SlipwayError): IndexEntry {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw refuse("an entry is not an object");
  return { ...entry };
}

const notFound = (name: string): SlipwayError =>
  new SlipwayError("NOT_FOUND", `Cannot find image ${name}: index.json has no entry of that name`);
