import { openIndexedDB } from "../../../src/browser/index.ts";
import { build, copy, createMemoryContentStore, createMemoryImageStore, storeTarget } from "../../../src/index.ts";
import { createRegistry, type RegistryOptions } from "../../../src/registry/index.ts";
import { generatedBytes } from "../../digests/generated.ts";

/** Bytes of the large layer: it does not get smaller by being compressed. */
const LAYER = 6 * 1024 * 1024;
/** Bytes of one request. */
const CHUNK = 1024 * 1024;

/** Builds an image in the page's database and pushes it; what an earlier page has pushed of it is not sent again. */
export async function buildAndPush(name: string): Promise<string> {
  const { content, images, metadata, close } = await openIndexedDB("push");
  try {
    const image = await build({
      content,
      images,
      metadata,
      files: { "/large.bin": generatedBytes(LAYER, 5) },
      options: { name, compression: "uncompressed" },
    });
    const { descriptor } = await createRegistry({ metadata, chunkSize: CHUNK }).push(image, name);
    return descriptor.digest;
  } finally {
    await close();
  }
}

/** What is left of uploads in the page's database. */
export async function rememberedUploads(): Promise<readonly string[]> {
  const { metadata, close } = await openIndexedDB("push");
  try {
    return await metadata.keys("registry/uploads/");
  } finally {
    await close();
  }
}

/** What a registry answers to a page, read as a client reads it. */
export async function tags(name: string, options: RegistryOptions): Promise<readonly string[] | string> {
  const found: string[] = [];
  try {
    for await (const tag of createRegistry(options).repository(name).tags()) found.push(tag);
    return found;
  } catch (error) {
    return String(error);
  }
}

/** Pulls an image with a password that its token service may be told. @returns its digest, or what went wrong */
export async function pull(name: string, tokenHost: string): Promise<string> {
  const registry = createRegistry({
    credentials: () => ({ username: "user", password: "secret" }),
    allowTokenService: ({ host }) => host === tokenHost,
    retry: { tries: 0 },
  });
  const target = storeTarget({ content: createMemoryContentStore(), images: createMemoryImageStore() });
  try {
    return (await copy(registry.source(name), target)).descriptor.digest;
  } catch (error) {
    return String(error);
  }
}
