import { SlipwayError } from "../errors.ts";

/** What the browser says about the storage of this origin. All of its databases, caches and files count together. */
export interface StorageEstimate {
  /** Bytes in use, about. */
  readonly usage: number;
  /** Bytes that the origin may use in all, about. */
  readonly quota: number;
  /** Whether the browser keeps the data even when the disk fills up. */
  readonly persisted: boolean;
}

/**
 * How much is stored and how much may be.
 * @throws SlipwayError `UNSUPPORTED` where the browser does not say (a page without TLS that is not on localhost)
 */
export async function storageEstimate(): Promise<StorageEstimate> {
  const manager = storageManager();
  if (manager === undefined) {
    throw new SlipwayError(
      "UNSUPPORTED",
      "Cannot estimate the storage: this page has no navigator.storage; serve it over https or from localhost",
    );
  }
  const [{ usage = 0, quota = 0 }, persisted] = await Promise.all([manager.estimate(), manager.persisted()]);
  return { usage, quota, persisted };
}

/**
 * Asks the browser to keep the data of this origin even when the disk fills up. Some browsers ask the user, others decide.
 * @returns whether it will; false too where it cannot be asked
 */
export async function requestPersistentStorage(): Promise<boolean> {
  return (await storageManager()?.persist?.()) ?? false;
}

function storageManager(): StorageManager | undefined {
  const { storage } = navigator as { readonly storage?: StorageManager };
  return typeof storage?.estimate === "function" ? storage : undefined;
}

/** "12345 bytes are needed, 678 of 1000 are free", as far as that is known. */
export async function describeSpace(needed: number | undefined): Promise<string> {
  const estimate = await storageEstimate().catch(() => undefined);
  const wanted = needed === undefined ? "" : `${needed} bytes more are needed, `;
  if (estimate === undefined || estimate.quota === 0) return `${wanted}how many are free is not known`;
  const { usage, quota } = estimate;
  return `${wanted}${Math.max(quota - usage, 0)} of the ${quota} that this origin may use are free`;
}
