/** How long another page may take to go away before the user is told: after a reload the old page is still there for a moment. */
const PATIENCE_MS = 1_000;

/**
 * Waits until no other page has the playground open: two that write the same files would undo each other's work. It then stays
 * the only one until it is closed.
 * @param wait called if that takes a while; what it gives is called when that is over
 * @returns whether it is the only one for certain, which a page without locks cannot know
 */
export async function becomeOnlyPage(wait: () => () => void): Promise<boolean> {
  const { locks } = navigator as { readonly locks?: LockManager };
  // Pages without TLS that are not on localhost have none.
  if (locks === undefined) return false;
  let end = (): void => undefined;
  const timer = setTimeout(() => {
    end = wait();
  }, PATIENCE_MS);
  await new Promise<void>((resolve, reject) => {
    locks
      .request("slipway-playground-page", () => {
        resolve();
        return new Promise<never>(() => undefined);
      })
      .catch(reject);
  });
  clearTimeout(timer);
  end();
  return true;
}
