import { deleteIndexedDB, type IndexedDBStore, openIndexedDB } from "slipway/browser";

/** Where everything is kept: files, layers, images and settings. */
export type Stores = IndexedDBStore;

const DATABASE = "slipway-playground";

/** Opens the stores; the page and its worker each have them open. @param onLost told why they cannot be used any more */
export async function openStores(onLost?: (reason: string) => void): Promise<Stores> {
  return await openIndexedDB(DATABASE, { onClosed: onLost });
}

/** Deletes all that the playground keeps. */
export async function deleteEverything(stores: Stores): Promise<void> {
  await stores.close();
  await deleteIndexedDB(DATABASE);
}
