import { isSlipwayError } from "slipway";
import { removeUnused } from "./model/garbage.ts";
import type { Serial } from "./model/serial.ts";
import type { Stores } from "./model/stores.ts";
import type { Workspace } from "./model/workspace.ts";
import { forgetErrors, tellError } from "./views/notices.ts";

/** What all parts of the page share. */
export interface App {
  readonly stores: Stores;
  /** Whether no other page has the playground open for certain. */
  readonly alone: boolean;
  readonly workspace: Workspace;
  /** Runs what must not happen at the same time as a change of the files. */
  readonly serial: Serial;
  /** Writes down what is typed in the editor. To be waited for before anything is made of the files. */
  readonly flush: { editor: () => Promise<void> };
  /** Told when images or files came or went. */
  readonly stored: Set<() => void>;
}

/**
 * Does something that the user asked for. What goes wrong is said in words.
 * @returns whether it went well
 */
export async function attempt(doing: string, work: () => Promise<unknown>): Promise<boolean> {
  forgetErrors(doing);
  try {
    await work();
    return true;
  } catch (error) {
    tellError(doing, error);
    return false;
  }
}

/**
 * Removes what nothing needs any more, and tells who shows what is stored. `serial` keeps this page from writing files meanwhile: they are
 * protected by nothing until their snapshot is saved. So a page that may have another one beside it removes nothing.
 * @returns bytes that became free
 */
export async function tidy(app: App): Promise<number> {
  try {
    if (!app.alone) return 0;
    const { bytes } = await app.serial.run(() => removeUnused(app.stores, app.workspace.snapshots));
    return bytes;
  } catch (error) {
    // An image whose documents are damaged stops the collection, and nothing else; the list of images says which it is.
    if (isSlipwayError(error, "DIGEST_MISMATCH") || isSlipwayError(error, "SIZE_MISMATCH")) return 0;
    throw error;
  } finally {
    for (const listener of app.stored) listener();
  }
}
