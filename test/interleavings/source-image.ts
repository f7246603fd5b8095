import { type ContentStore, createMemoryContentStore } from "../../src/content/index.ts";
import { build } from "../../src/frontend/index.ts";
import { createMemoryImageStore, type ImageStore } from "../../src/images/index.ts";

interface Source {
  readonly content: ContentStore;
  readonly images: ImageStore;
}

const sources = new Map<string, Promise<Source>>();

/** A store of its own, in which nothing waits: empty, or with one image of that text, the same that a build makes of it. */
export async function sourceImage(text: string | undefined): Promise<Source> {
  const empty = { content: createMemoryContentStore(), images: createMemoryImageStore() };
  if (text === undefined) return empty;
  const known = sources.get(text);
  if (known !== undefined) return await known;
  const made = build({
    ...empty,
    files: { "/file": text },
    options: { name: "source:1", compression: "uncompressed" },
  }).then(() => empty);
  sources.set(text, made);
  return await made;
}
