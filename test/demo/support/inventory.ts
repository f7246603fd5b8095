import { openIndexedDB } from "../../../src/browser/index.ts";

/** What is in the playground's database, as strings; runs in a page. */
export async function inventory(): Promise<{ readonly blobs: readonly string[]; readonly ingests: readonly string[] }> {
  const store = await openIndexedDB("slipway-playground");
  const blobs: string[] = [];
  const ingests: string[] = [];
  for await (const { digest } of store.content.list()) blobs.push(digest);
  for await (const { ref } of store.content.statuses()) ingests.push(ref);
  await store.close();
  return { blobs: blobs.sort(), ingests };
}
